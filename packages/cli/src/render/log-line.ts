import type { LogLine } from '@pando/model'
import type { Paint } from '../paint.js'

/** Renders lines of several instances beside each other; the name column grows as longer names come. */
export class LogLineRenderer {
  readonly #paint: Paint
  readonly #hasTimes: boolean
  #width = 0

  constructor(options: { readonly paint: Paint; readonly hasTimes: boolean }) {
    this.#paint = options.paint
    this.#hasTimes = options.hasTimes
  }

  render(line: LogLine): string {
    this.#width = Math.max(this.#width, line.instance.length)
    const time = this.#hasTimes ? `${line.at === null ? '-'.padEnd(24) : new Date(line.at).toISOString()} ` : ''
    const name = this.#paint.name(line.instance.padEnd(this.#width), line.service)
    return `${this.#paint.dim(time)}${name} ${this.#paint.dim('|')} ${line.line}`
  }
}
