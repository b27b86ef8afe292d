import type { CompiledMirror } from './compiled-mirror.js'
import type { Mirrors } from './mirrors.js'

/** A request as it went upstream, gathered while it did. One that grows too large is given up. */
export class RequestCopy {
  readonly mirror: CompiledMirror
  readonly #mirrors: Mirrors
  #parts: Buffer[]
  #bodyBytes = 0
  #isOver = false

  /** `head` with its empty line. */
  constructor(mirror: CompiledMirror, mirrors: Mirrors, head: Uint8Array) {
    this.mirror = mirror
    this.#mirrors = mirrors
    this.#parts = [Buffer.from(head)]
  }

  /** More of the body, in the framing that the head tells. */
  add(bytes: Uint8Array, from: number, to: number): void {
    if (this.#isOver || to <= from) return
    this.#bodyBytes += to - from
    if (this.#bodyBytes > this.mirror.maxBodyBytes) {
      this.#isOver = true
      this.#parts = []
      this.mirror.metrics.tooLarge.inc()
    } else {
      this.#parts.push(Buffer.from(bytes.subarray(from, to)))
    }
  }

  /** It is whole. */
  send(): void {
    if (!this.#isOver) this.#mirrors.send(this.mirror, this.#parts)
    this.#isOver = true
  }
}
