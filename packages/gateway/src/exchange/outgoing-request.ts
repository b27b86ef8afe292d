import type { Head } from '../http1/head.js'
import { latin1 } from '../http1/chars.js'
import { requestHeadSize, type RequestOrigin, writeRequest, type WrittenHead } from '../http1/request-writer.js'
import type { Traffic } from '../http1/traffic.js'
import { copy } from '../http1/words.js'
import type { CompiledRoute } from '../route-table/compiled-route.js'
import type { CompiledEdit } from '../route-table/header-edit.js'

const noBytes = Buffer.alloc(0)

/**
 * A request as it goes upstream, in one buffer of the worker's: its head, and behind it what has come of its body before there was a connection
 * to send it by, or is kept so that it can be sent again. An exchange has one and uses it for one request after the other.
 *
 * Invariants:
 * - While it `isReplayable`, all of the body that has come is in it.
 * - What may still be read by a write that is under way is neither changed nor given back.
 */
export class OutgoingRequest implements WrittenHead {
  bytes: Buffer = noBytes
  length = 0
  /** Of that, the head; the body follows. */
  headLength = 0
  isReplayable = true
  /** An upstream was left that had not sent all of it: the buffer is not used again, as it may still be read. */
  isLent = false
  requestIdStart = 0
  requestIdEnd = 0
  readonly #traffic: Traffic

  constructor(traffic: Traffic) {
    this.#traffic = traffic
  }

  begin(): void {
    this.bytes = this.#traffic.takeHead()
    this.length = 0
    this.headLength = 0
    this.isReplayable = true
    this.isLent = false
    this.requestIdStart = 0
    this.requestIdEnd = 0
  }

  /** Writes the head, in place of all that has been there. */
  writeHead(
    parser: Head,
    route: CompiledRoute,
    edit: CompiledEdit | null,
    client: RequestOrigin,
    keepsUpgrade: boolean,
  ): void {
    const size = requestHeadSize(parser, route, edit, client)
    if (size > this.bytes.length) {
      this.#traffic.giveHead(this.bytes)
      this.bytes = Buffer.allocUnsafeSlow(size + 1024)
    }
    const { ids } = this.#traffic
    this.length = writeRequest(parser, route, edit, client, keepsUpgrade, ids, this.bytes, this)
    this.headLength = this.length
  }

  /** The buffer, with room for so many bytes more. */
  reserve(more: number): Buffer {
    const needed = this.length + more
    if (needed <= this.bytes.length) return this.bytes
    // What is being sent from the old one stays there; it is not used for anything else.
    const larger = Buffer.allocUnsafeSlow(needed * 2)
    larger.set(this.bytes.subarray(0, this.length))
    this.bytes = larger
    return larger
  }

  append(bytes: Uint8Array): void {
    const out = this.reserve(bytes.length)
    this.length = copy(bytes, 0, bytes.length, out, this.length)
  }

  /** All that there is of it. */
  whole(): Buffer {
    return this.bytes.subarray(0, this.length)
  }

  /** Its id; one that was refused before its head was written gets it now. */
  requestId(): string {
    if (this.requestIdEnd === 0) {
      this.requestIdStart = 0
      this.requestIdEnd = this.#traffic.ids.writeRequestId(this.bytes, 0)
    }
    return latin1(this.bytes, this.requestIdStart, this.requestIdEnd)
  }

  /** It is not needed any more. */
  giveBack(): void {
    if (!this.isLent) this.#traffic.giveHead(this.bytes)
    this.bytes = noBytes
  }
}
