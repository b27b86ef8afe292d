import type { TurnEnd } from '../turn-end.js'
import { wordBuffer } from './words.js'

/** What one `read` may bring. Every socket of a worker reads into the same buffer of this size. */
export const readBytes = 32 * 1024

/** A read's worth of body, the head before it, and chunk framing. */
const outputBytes = readBytes + 8 * 1024
const mostSpare = 64

/**
 * The buffers that messages leave from, and when. Nearly every write is taken by the kernel at once, so a few buffers serve all connections;
 * one that the kernel did not take at once belongs to its connection until it has drained.
 */
export class Outputs {
  /** The buffer to write the next message into; whoever has not sent it yet calls `replace`. */
  current: Buffer = wordBuffer(outputBytes)
  readonly turnEnd: TurnEnd
  readonly #spare: Buffer[] = []

  constructor(turnEnd: TurnEnd) {
    this.turnEnd = turnEnd
  }

  /** `current`, made large enough for an unusually large message. */
  ensure(bytes: number): Buffer {
    if (this.current.length < bytes) this.current = wordBuffer(bytes)
    return this.current
  }

  /** Leaves the current buffer to the caller, who gives it back with `give`. */
  replace(): Buffer {
    const taken = this.current
    this.current = this.#spare.pop() ?? wordBuffer(outputBytes)
    return taken
  }

  give(buffer: Buffer): void {
    if (buffer.length === outputBytes && this.#spare.length < mostSpare) this.#spare.push(buffer)
  }
}
