import type { SendQueue } from './send-queue.js'

/** A stream with something to send. */
export interface Sending {
  readonly queue: SendQueue
  /** Something of it was sent; `isEmpty` when nothing waits any more. */
  onProgress(isEmpty: boolean): void
}

/** Lets the streams that wait for a window or for the socket send by turns, a frame each. */
export class SendScheduler {
  readonly #frames: { readonly room: number }
  readonly #waiting: Sending[] = []
  #isSending = false

  constructor(frames: { readonly room: number }) {
    this.#frames = frames
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /** A stream whose own window is shut is taken out when its turn comes; whoever opens it calls this again. */
  wait(stream: Sending): void {
    if (!this.#waiting.includes(stream)) this.#waiting.push(stream)
  }

  send(): void {
    // What a stream is told of may make it, or another, wait again.
    if (this.#isSending) return
    this.#isSending = true
    while (this.#waiting.length > 0 && this.#frames.room > 0) {
      const stream = this.#waiting.shift() as Sending
      const { queue } = stream
      if (!queue.isWaiting || !queue.goOn()) continue
      if (queue.isWaiting) this.#waiting.push(stream)
      stream.onProgress(!queue.isWaiting)
    }
    this.#isSending = false
  }

  clear(): void {
    this.#waiting.length = 0
  }
}
