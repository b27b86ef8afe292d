import type { Duplex } from 'node:stream'
import type { WireOwner } from '../http1/wire.js'
import type { Dirty } from '../turn-end.js'
import { type Http2Worker, outputBytes } from './http2-worker.js'

/** Frames that may wait behind a socket that takes nothing, in bytes; beyond it the peer is not read either. */
const mostBehind = 256 * 1024

/**
 * The frames of one connection on their way out. They gather in one buffer and leave at the end of the turn in one write. The buffer is used
 * again at once when the kernel took it all, else when it has drained.
 */
export class FrameOutput implements Dirty {
  /** The socket has not taken all: data should not be made into frames now, as it could not be taken back. */
  isBlocked = false
  /** Where the next frame goes: `bytes` at `length`, after `reserve`. */
  bytes: Buffer
  length = 0
  /** Goes up by one with every write, so that a frame can be told to be still here. */
  writes = 0
  readonly #socket: Duplex
  readonly #worker: Http2Worker
  readonly #owner: WireOwner
  /** A plain socket whose mark is one byte tells by 'drain' whenever it did not take all at once; others tell by a callback. */
  readonly #drains: boolean
  #held: Buffer[] = none
  #hasBuffer = false
  #isDirty = false

  constructor(socket: Duplex, worker: Http2Worker, owner: WireOwner) {
    this.#socket = socket
    this.#worker = worker
    this.#owner = owner
    this.#drains = socket.writableHighWaterMark === 1
    this.bytes = noBytes
  }

  /** More is on its way than should be: the peer does not read, so it is not read. */
  get isFarBehind(): boolean {
    return this.isBlocked && this.#socket.writableLength > mostBehind
  }

  /** Makes room for so many bytes in a row behind `length`, and has them sent at the end of the turn. */
  reserve(count: number): void {
    if (!this.#isDirty) {
      this.#isDirty = true
      this.#worker.turnEnd.flushLater(this)
    }
    if (this.#hasBuffer && this.length + count <= this.bytes.length) return
    if (this.length > 0) this.#write()
    if (!this.#hasBuffer || this.bytes.length < count) {
      this.bytes = count <= outputBytes ? this.#worker.takeOutput() : Buffer.allocUnsafeSlow(count)
      this.#hasBuffer = true
    }
  }

  flush(): void {
    this.#isDirty = false
    if (this.length > 0) this.#write()
    if (this.#hasBuffer) {
      this.#worker.giveOutput(this.bytes)
      this.#forgetBuffer()
    }
  }

  #write(): void {
    const socket = this.#socket
    const buffer = this.bytes
    const bytes = buffer.subarray(0, this.length)
    this.length = 0
    this.writes++
    if (socket.destroyed || socket.writableEnded) return
    if (this.#drains) {
      socket.write(bytes)
      if (socket.writableLength === 0) return
      this.#hold(buffer)
      if (!this.isBlocked) {
        this.isBlocked = true
        socket.once('drain', () => this.#drained())
      }
      return
    }
    // Until the callback the bytes may still be read.
    this.#hold(buffer)
    socket.write(bytes, () => {
      const first = this.#held.shift()
      if (first !== undefined) this.#worker.giveOutput(first)
      if (this.#held.length === 0 && this.isBlocked) this.#drained()
    })
    if (socket.writableLength > outputBytes) this.isBlocked = true
  }

  #hold(buffer: Buffer): void {
    if (this.#held === none) this.#held = []
    this.#held.push(buffer)
    this.#forgetBuffer()
  }

  #forgetBuffer(): void {
    this.bytes = noBytes
    this.#hasBuffer = false
  }

  #drained(): void {
    this.isBlocked = false
    for (const buffer of this.#held) this.#worker.giveOutput(buffer)
    this.#held = none
    this.#owner.onDrain()
  }
}

const noBytes = Buffer.alloc(0)
/** Of all that hold nothing yet. */
const none: Buffer[] = []
