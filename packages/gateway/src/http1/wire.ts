import type { Socket } from 'node:net'
import type { ExchangeWire } from './exchange-client.js'
import type { Dirty } from '../turn-end.js'
import type { Outputs } from './outputs.js'
import { breakOff } from './shared-read.js'
import { writeNow } from './write-now.js'

/** A TLS record is up to 16 KiB; a few of them under way keep the socket busy while the next are made. */
const mostEncrypting = 64 * 1024
/** What is larger leaves at once: its copy into the kernel is what it costs, and it should not be kept. */
const mostPutOff = 4 * 1024
const noBytes = Buffer.alloc(0)
/** Of all that hold nothing yet. */
const none: Buffer[] = []

/** Who is told when a wire that was blocked can take more. */
export interface WireOwner {
  onDrain(): void
}

/**
 * One connection's socket with the two things that back-pressure needs: what is still on its way out, and whether reading is stopped. Small messages
 * leave at the end of the turn.
 *
 * Invariants:
 * - While `isBlocked`, the peer does not take what was sent: it is still to be read, and the other side of the exchange should not be.
 * - What is put off leaves before all that is sent after it, and before the end.
 */
export class Wire implements ExchangeWire, Dirty {
  readonly socket: Socket
  isBlocked = false
  isPaused = false
  readonly #outputs: Outputs
  readonly #owner: WireOwner
  #held: Buffer[] = none
  /** What may be on its way before the wire is blocked, bytes. */
  readonly #most: number
  #isWaiting = false
  /** The message that leaves at the end of the turn, and the output buffer that it is in; null when it is its sender's. */
  #putOff: Uint8Array | null = null
  #putOffIn: Buffer | null = null

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

  /** What has been put off is just this, so that nothing of it has left. */
  isPuttingOff(bytes: Uint8Array | null): boolean {
    return bytes !== null && this.#putOff === bytes
  }

  /** Does not send what has been put off, which is its sender's. */
  withdraw(): void {
    this.#putOff = null
  }

  /** Not all that was sent has left. */
  get isSending(): boolean {
    return this.isBlocked || this.#putOff !== null || this.socket.writableLength > 0
  }

  /** Sends the first `length` bytes of the current output buffer. */
  send(length: number): void {
    const buffer = this.#outputs.replace()
    this.#send(buffer.subarray(0, length), buffer)
  }

  /** Sends bytes that nobody will change before they have left. */
  sendOwned(bytes: Uint8Array): void {
    this.#send(bytes, null)
  }

  /** Sends what has been put off; of a socket that is gone, it stays so. */
  flush(): void {
    const bytes = this.#putOff
    if (bytes === null || this.socket.destroyed) return
    const buffer = this.#putOffIn
    this.#putOff = null
    this.#putOffIn = null
    this.#write(bytes, buffer)
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
    this.flush()
    if (!this.socket.destroyed) this.socket.end()
  }

  breakOff(): void {
    // What the peer gets of an answer should not depend on which turn it broke in.
    this.flush()
    breakOff(this.socket)
  }

  /** `buffer`: the output buffer that the bytes are in; null when they are their sender's. */
  #send(bytes: Uint8Array, buffer: Buffer | null): void {
    this.flush()
    if (bytes.length > mostPutOff) {
      this.#write(bytes, buffer)
      return
    }
    this.#putOff = bytes
    this.#putOffIn = buffer
    this.#outputs.turnEnd.flushLater(this)
  }

  #write(bytes: Uint8Array, buffer: Buffer | null): void {
    const { socket } = this
    let isTaken = true
    let isCopied = false
    if (!this.isSendingOver) {
      if (this.#most === 0 && !this.#isWaiting) {
        isTaken = writeNow(socket, bytes)
      } else {
        // Behind a write that is under way, be it an empty one, the stream keeps the bytes as they are; the first one is encrypted, or with the kernel, at once.
        isCopied = this.#most > 0 && !this.#isWaiting && socket.writableLength === 0
        socket.write(bytes)
        isTaken = socket.writableLength === 0
      }
    }
    if (buffer !== null) {
      if (isTaken || isCopied) this.#outputs.give(buffer)
      else this.#hold(buffer)
    }
    if (!isTaken) this.#wait()
  }

  #hold(buffer: Buffer): void {
    if (this.#held === none) this.#held = []
    this.#held.push(buffer)
  }

  /** Not all that was written has left. */
  #wait(): void {
    if (this.#most === 0 || this.socket.writableLength > this.#most) this.isBlocked = true
    if (this.#isWaiting || (!this.isBlocked && this.#held.length === 0)) return
    this.#isWaiting = true
    // An empty write comes back when all before it has left.
    this.socket.write(noBytes, () => this.#drained())
  }

  #drained(): void {
    const wasBlocked = this.isBlocked
    this.#isWaiting = false
    if (this.socket.destroyed) return
    if (this.socket.writableLength > 0) {
      this.#wait()
      return
    }
    this.isBlocked = false
    for (const buffer of this.#held) this.#outputs.give(buffer)
    this.#held = none
    if (wasBlocked) this.#owner.onDrain()
  }
}
