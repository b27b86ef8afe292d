import { appendFileSync, readFileSync } from 'node:fs'

/**
 * When the bytes of a log were seen: lines `<size> <unix ms>`, one about every second in which the log grew. Kept beside the log as
 * `<log>.index`, so that `--since` works although no byte of the log passes through us.
 */
export class TimeIndex {
  readonly #sizes: number[] = []
  readonly #times: number[] = []

  /** Empty when there is none. */
  static read(logFile: string): TimeIndex {
    const index = new TimeIndex()
    let text = ''
    try {
      text = readFileSync(indexFile(logFile), 'utf8')
    } catch {
      return index
    }
    for (const line of text.split('\n')) {
      const [size, at] = line.split(' ')
      if (at !== undefined) index.#add(Number(size), Number(at))
    }
    return index
  }

  static append(logFile: string, size: number, at: number): void {
    appendFileSync(indexFile(logFile), `${size} ${at}\n`, { mode: 0o600 })
  }

  /** How much of the log it covers, bytes. */
  get size(): number {
    return this.#sizes.at(-1) ?? 0
  }

  /** When the byte at this offset was seen, Unix time, ms; null past the end of what is covered. */
  timeOf(offset: number): number | null {
    return this.#times[this.#first((entry) => (this.#sizes[entry] ?? 0) > offset)] ?? null
  }

  /** The offset before which everything was seen before `since`. */
  offsetOf(since: number): number {
    const entry = this.#first((candidate) => (this.#times[candidate] ?? 0) >= since)
    return entry === 0 ? 0 : (this.#sizes[entry - 1] ?? 0)
  }

  /** Sizes and times only grow: a clock that was set back counts as having stood still. */
  #add(size: number, at: number): void {
    if (!(size > this.size) || !Number.isFinite(at)) return
    this.#sizes.push(size)
    this.#times.push(Math.max(at, this.#times.at(-1) ?? 0))
  }

  /** The first entry for which it holds; the number of entries when for none. It must hold for all after the first. */
  #first(holds: (entry: number) => boolean): number {
    let low = 0
    let high = this.#sizes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (holds(middle)) high = middle
      else low = middle + 1
    }
    return low
  }
}

export function indexFile(logFile: string): string {
  return `${logFile}.index`
}
