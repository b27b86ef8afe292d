import type { Socket } from 'node:net'
import type { ExchangeWire } from './exchange-client.js'
import type { Outputs } from './outputs.js'
import { breakOff } from './shared-read.js'

/** A TLS record is up to 16 KiB; a few of them under way keep the socket busy while the next are made. */
const mostEncrypting = 64 * 1024
const noBytes = Buffer.alloc(0)
/** Of all that hold nothing yet. */
const none: Buffer[] = []

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
  #held: Buffer[] = none
  /** What may be on its way before the wire is blocked, bytes. */
  readonly #most: number
  #isWaiting = false

  /** `isEncrypted`: what is written is copied, and has never left when `write` returns. */
  constructor(socket: Socket, outputs: Outputs, owner: WireOwner, isEncrypted = false) {
    this.socket = socket
    this.#outputs = outputs
    this.#owner = owner
    this.#most = isEncrypted ? mostEncrypting : 0
  }

  get isSendingOver(): boolean {
    return this.socket.destroyed || this.socket.writableEnded
  }

  get hasFailed(): boolean {
    return this.socket.errored !== null
  }

  /** Sends the first `length` bytes of the current output buffer. */
  send(length: number): void {
    const { socket } = this
    const outputs = this.#outputs
    // Behind a write that is under way the stream keeps the bytes as they are; the first one is encrypted, or with the kernel, at once.
    const isCopied = this.#most > 0 && socket.writableLength === 0
    socket.write(outputs.current.subarray(0, length))
    if (socket.writableLength === 0) return
    if (!isCopied) this.#hold(outputs.replace())
    this.#wait()
  }

  /** Sends bytes that nobody will change before they have left. */
  sendOwned(bytes: Uint8Array): void {
    this.socket.write(bytes)
    if (this.socket.writableLength !== 0) this.#wait()
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

  #hold(buffer: Buffer): void {
    if (this.#held === none) this.#held = []
    this.#held.push(buffer)
  }

  #wait(): void {
    if (this.socket.writableLength > this.#most) this.isBlocked = true
    if (this.#isWaiting || (!this.isBlocked && this.#held.length === 0)) return
    this.#isWaiting = true
    if (this.#most === 0) this.socket.once('drain', () => this.#drained())
    // 'drain' comes only to who has written more than the stream's own limit; an empty write comes back when all before it has left.
    else this.socket.write(noBytes, () => this.#drained())
  }

  #drained(): void {
    const wasBlocked = this.isBlocked
    this.#isWaiting = false
    this.isBlocked = false
    for (const buffer of this.#held) this.#outputs.give(buffer)
    this.#held = none
    if (wasBlocked) this.#owner.onDrain()
  }
}
