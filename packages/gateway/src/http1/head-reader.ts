import type { HeadLimits } from './head.js'
import { HeadParser, incomplete } from './head-parser.js'
import { LineMemory } from './remembered-lines.js'

/** The parsers of one worker for one direction: one that all connections share, and spares for heads that come in pieces. */
export class Parsers {
  shared: HeadParser
  readonly memory = new LineMemory()
  readonly #isRequest: boolean
  readonly #limits: HeadLimits
  readonly #spare: HeadParser[] = []

  constructor(isRequest: boolean, limits: HeadLimits) {
    this.#isRequest = isRequest
    this.#limits = limits
    this.shared = new HeadParser(isRequest, limits)
  }

  /** Leaves the shared parser, with the head it is in, to one connection. */
  detach(): HeadParser {
    const parser = this.shared
    this.shared = this.#spare.pop() ?? new HeadParser(this.#isRequest, this.#limits)
    return parser
  }

  give(parser: HeadParser): void {
    if (this.#spare.length < 64) this.#spare.push(parser)
  }
}

/**
 * Reads heads for one connection. A head that came whole is parsed where it lies, by the shared parser, and nothing is kept; one that
 * came in pieces gets a buffer and a parser of its own until it is whole.
 */
export class HeadReader {
  parsers: Parsers
  /** Whose heads are alike: a number for each, and 0 where nothing is to be remembered. */
  owner: number
  /** After `complete`: the head, and the range of `bytes` behind it that has been read already. Valid until anything else is read. */
  parser: HeadParser
  bytes: Uint8Array
  restStart = 0
  restEnd = 0
  #own: HeadParser | null = null
  #ownParsers: Parsers
  #buffer: Buffer | null = null
  #length = 0

  constructor(parsers: Parsers, owner = 0) {
    this.parsers = parsers
    this.owner = owner
    this.#ownParsers = parsers
    this.parser = parsers.shared
    this.bytes = parsers.shared.bytes
  }

  get isUnderWay(): boolean {
    return this.#own !== null
  }

  read(bytes: Uint8Array, at: number, end: number): number {
    if (this.#own !== null) return this.#goOn(this.#own, bytes, at, end)
    const parser = this.parsers.shared
    parser.begin(bytes, at)
    parser.lines = this.owner === 0 ? null : this.parsers.memory.of(this.owner)
    const outcome = parser.parse(end)
    if (outcome === incomplete) {
      this.#own = this.parsers.detach()
      parser.lines = null
      this.#ownParsers = this.parsers
      const buffer = Buffer.allocUnsafe(Math.max(1024, (end - at) * 2))
      buffer.set(bytes.subarray(at, end))
      this.#buffer = buffer
      this.#length = end - at
      parser.moved(buffer)
      return outcome
    }
    this.parser = parser
    this.bytes = bytes
    this.restStart = parser.end
    this.restEnd = end
    return outcome
  }

  /** Forgets a head that is under way. */
  reset(): void {
    if (this.#own !== null) this.#ownParsers.give(this.#own)
    this.#own = null
    this.#buffer = null
  }

  #goOn(parser: HeadParser, bytes: Uint8Array, at: number, end: number): number {
    let buffer = this.#buffer as Buffer
    const length = this.#length + (end - at)
    if (length > buffer.length) {
      buffer = Buffer.allocUnsafe(length * 2)
      buffer.set((this.#buffer as Buffer).subarray(0, this.#length))
      this.#buffer = buffer
      parser.bytes = buffer
    }
    buffer.set(bytes.subarray(at, end), this.#length)
    this.#length = length
    const outcome = parser.parse(length)
    if (outcome === incomplete) return outcome
    this.parser = parser
    this.bytes = buffer
    this.restStart = parser.end
    this.restEnd = length
    // Nobody takes it from the spares before the head has been dealt with: that happens in this very turn.
    this.reset()
    return outcome
  }
}
