import type { Socket } from 'node:net'

const outputBytes = 32 * 1024
/** What may wait for the kernel before senders are told to stop. */
const mostWaiting = 64 * 1024

/** The frames of one connection on their way out: all that comes in one turn of the event loop leaves in one write. */
export class FrameOutput {
  /** Bytes beyond what the peer takes are waiting: nothing more should be made. */
  isBlocked = false
  readonly #socket: Socket
  readonly #onDrain: () => void
  #buffer: Buffer = Buffer.allocUnsafeSlow(outputBytes)
  #length = 0
  #isScheduled = false
  #isEnding = false

  constructor(socket: Socket, onDrain: () => void) {
    this.#socket = socket
    this.#onDrain = onDrain
    socket.on('drain', () => {
      if (!this.isBlocked || socket.writableLength > 0) return
      this.isBlocked = false
      this.#onDrain()
    })
  }

  /** A place for so many bytes, at `at` of the buffer; `wrote` says how many they were in the end. */
  reserve(bytes: number): Buffer {
    if (this.#length + bytes > this.#buffer.length) {
      this.flush()
      if (bytes > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(bytes)
    }
    if (!this.#isScheduled) {
      this.#isScheduled = true
      setImmediate(flush, this)
    }
    return this.#buffer
  }

  get at(): number {
    return this.#length
  }

  wrote(end: number): void {
    this.#length = end
  }

  flush(): void {
    if (this.#length === 0 || this.#socket.destroyed) return
    this.#socket.write(this.#buffer.subarray(0, this.#length))
    this.#length = 0
    const { writableLength } = this.#socket
    if (writableLength === 0) return
    // The kernel did not take all of it: the buffer is its own until then.
    this.#buffer = Buffer.allocUnsafeSlow(outputBytes)
    if (writableLength > mostWaiting) this.isBlocked = true
  }

  /** Sends what there is, and nothing any more. */
  end(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.flush()
    this.#socket.end()
  }

  onTurn(): void {
    this.#isScheduled = false
    this.flush()
  }
}

function flush(output: FrameOutput): void {
  output.onTurn()
}
