import { HeadParser } from '../http1/head-parser.js'
import { wordBuffer } from '../http1/words.js'
import type { TurnEnd } from '../turn-end.js'
import { nameBuffer } from './hpack/encoder.js'
import { LineBuffer } from './hpack/line-buffer.js'
import { RequestSection } from './request-section.js'

/** Room for what becomes ready in one turn of the event loop; larger things leave in several writes. */
export const outputBytes = 64 * 1024
const mostSpare = 64
const answerLimits = { maxTargetBytes: 0, maxHeadBytes: 64 * 1024, maxHeaders: 256 }

/** What the HTTP/2 connections of one worker share. Everything runs on one thread, and nothing here outlives a call. */
export class Http2Worker {
  /** Reads the gateway's own answers. */
  readonly answers = new HeadParser(false, answerLimits)
  readonly section = new RequestSection(new LineBuffer(), this.answers)
  /** Where the names of fields go in lower case while they are encoded. */
  readonly name = nameBuffer()
  readonly turnEnd: TurnEnd
  readonly #spare: Buffer[] = []

  constructor(turnEnd: TurnEnd) {
    this.turnEnd = turnEnd
  }

  takeOutput(): Buffer {
    return this.#spare.pop() ?? wordBuffer(outputBytes)
  }

  giveOutput(buffer: Buffer): void {
    if (buffer.length === outputBytes && this.#spare.length < mostSpare) this.#spare.push(buffer)
  }
}
