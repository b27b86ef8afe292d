import type { Freshness } from './freshness.js'

/** One answer, as the service gave it. */
export interface StoredAnswer {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
  readonly etag: string | null
  readonly lastModified: string | null
  /** Only for all by its own word; such may be given to who says who he is. */
  readonly isForAll: boolean
  /** The request's values of what it varies by, names in lower case. */
  readonly varies: readonly (readonly [name: string, value: string | null])[]
  readonly freshness: Freshness
  /** Milliseconds since 1970. */
  readonly storedAt: number
  readonly bytes: number
}

/** Answers to the same target that differ by what they vary by; the eldest goes when there is one more. */
const mostVariants = 16
/** What an entry costs beside its bytes. */
export const entryOverhead = 512

/** Answers by target, the one that was used longest ago leaving when there is no room. */
export class AnswerStore {
  bytes = 0
  readonly #maxBytes: number
  /** In the order of their use. */
  readonly #byTarget = new Map<string, StoredAnswer[]>()

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The answer to a request with these headers; `header` is asked for names in lower case. */
  find(target: string, header: (name: string) => string | null): StoredAnswer | null {
    const variants = this.#byTarget.get(target)
    if (variants === undefined) return null
    const found = variants.find(({ varies }) => varies.every(([name, value]) => header(name) === value))
    if (found === undefined) return null
    this.#byTarget.delete(target)
    this.#byTarget.set(target, variants)
    return found
  }

  put(target: string, answer: StoredAnswer): void {
    if (answer.bytes > this.#maxBytes) return
    const before = this.#byTarget.get(target) ?? []
    const others = before.filter((other) => !isSameVariant(other, answer)).slice(-(mostVariants - 1))
    this.remove(target)
    this.#byTarget.set(target, [...others, answer])
    for (const one of [...others, answer]) this.bytes += one.bytes
    for (const oldest of this.#byTarget.keys()) {
      if (this.bytes <= this.#maxBytes) break
      this.remove(oldest)
    }
  }

  remove(target: string): void {
    for (const { bytes } of this.#byTarget.get(target) ?? []) this.bytes -= bytes
    this.#byTarget.delete(target)
  }
}

function isSameVariant(one: StoredAnswer, other: StoredAnswer): boolean {
  return JSON.stringify(one.varies) === JSON.stringify(other.varies)
}
