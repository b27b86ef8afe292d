/**
 * How long a request may wait in a queue, by how the queue fares ("controlled delay", after CoDel, RFC 8289, as applied to requests): a queue
 * that was empty a moment ago is a burst, and whoever is in it may wait for long; one that has stood for a whole interval
 * is overload, where waiting helps nobody, and whoever comes waits shortly or is told at once.
 */
export class QueueDelay {
  readonly #intervalMs: number
  readonly #targetMs: number
  #emptyAt: number

  constructor({ intervalMs, targetMs }: { readonly intervalMs: number; readonly targetMs: number }, now: number) {
    this.#intervalMs = intervalMs
    this.#targetMs = targetMs
    this.#emptyAt = now
  }

  /** The queue is seen to be empty. */
  noteEmpty(now: number): void {
    this.#emptyAt = now
  }

  isStanding(now: number): boolean {
    return now - this.#emptyAt > this.#intervalMs
  }

  /** Milliseconds that one may wait that is put in now; `longestMs` is what it may in a burst. */
  patienceMs(now: number, longestMs: number): number {
    return this.isStanding(now) ? Math.min(longestMs, this.#targetMs) : longestMs
  }
}
