import { HeadParser } from '../http1/head-parser.js'
import { wordBuffer } from '../http1/words.js'
import { nameBuffer } from './hpack/encoder.js'
import { LineBuffer } from './hpack/line-buffer.js'
import { RequestSection } from './request-section.js'

/** Room for what becomes ready in one turn of the event loop; larger things leave in several writes. */
export const outputBytes = 64 * 1024
const mostSpare = 64
const answerLimits = { maxTargetBytes: 0, maxHeadBytes: 64 * 1024, maxHeaders: 256 }

/** What is to be sent at the end of a turn. */
export interface Dirty {
  flush(): void
}

/** What the HTTP/2 connections of one worker share. Everything runs on one thread; nothing but the list of the dirty outlives a call. */
export class Http2Worker {
  /** Reads the gateway's own answers. */
  readonly answers = new HeadParser(false, answerLimits)
  readonly section = new RequestSection(new LineBuffer(), this.answers)
  /** Where the names of fields go in lower case while they are encoded. */
  readonly name = nameBuffer()
  readonly #spare: Buffer[] = []
  #dirty: Dirty[] = []

  /** Has it flushed once all that this turn brings has been dealt with, so that much leaves in one write. */
  flushLater(dirty: Dirty): void {
    if (this.#dirty.push(dirty) === 1) setImmediate(() => this.#flushAll())
  }

  takeOutput(): Buffer {
    return this.#spare.pop() ?? wordBuffer(outputBytes)
  }

  giveOutput(buffer: Buffer): void {
    if (buffer.length === outputBytes && this.#spare.length < mostSpare) this.#spare.push(buffer)
  }

  #flushAll(): void {
    const dirty = this.#dirty
    this.#dirty = []
    for (const each of dirty) each.flush()
  }
}
