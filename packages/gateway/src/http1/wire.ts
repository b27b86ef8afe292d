import type { Socket } from 'node:net'
import type { ExchangeWire } from './exchange-client.js'
import type { Outputs } from './outputs.js'
import { breakOff } from './shared-read.js'

/** Who is told when a wire that was blocked can take more. */
export interface WireOwner {
  onDrain(): void
}

/**
 * One connection's socket with the two things that back-pressure needs: what is still on its way out, and whether reading is stopped.
 *
 * While `isBlocked`, the buffer that was sent last is the kernel's to read, and the other side of the exchange should not be read.
 */
export class Wire implements ExchangeWire {
  readonly socket: Socket
  isBlocked = false
  isPaused = false
  readonly #outputs: Outputs
  readonly #owner: WireOwner
  readonly #held: Buffer[] = []

  constructor(socket: Socket, outputs: Outputs, owner: WireOwner) {
    this.socket = socket
    this.#outputs = outputs
    this.#owner = owner
  }

  get isSendingOver(): boolean {
    return this.socket.destroyed || this.socket.writableEnded
  }

  get hasFailed(): boolean {
    return this.socket.errored !== null
  }

  /** Sends the first `length` bytes of the current output buffer. */
  send(length: number): void {
    const outputs = this.#outputs
    this.socket.write(outputs.current.subarray(0, length))
    if (this.socket.writableLength !== 0) {
      this.#held.push(outputs.replace())
      this.#block()
    }
  }

  /** Sends bytes that nobody will change before they have left. */
  sendOwned(bytes: Uint8Array): void {
    this.socket.write(bytes)
    if (this.socket.writableLength !== 0) this.#block()
  }

  pause(): void {
    if (this.isPaused) return
    this.isPaused = true
    this.socket.pause()
  }

  resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    this.socket.resume()
  }

  end(): void {
    if (!this.socket.destroyed) this.socket.end()
  }

  breakOff(): void {
    breakOff(this.socket)
  }

  #block(): void {
    if (this.isBlocked) return
    this.isBlocked = true
    this.socket.once('drain', () => {
      this.isBlocked = false
      for (const buffer of this.#held) this.#outputs.give(buffer)
      this.#held.length = 0
      this.#owner.onDrain()
    })
  }
}
