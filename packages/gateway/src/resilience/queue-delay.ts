/** A queue that was never empty for so long is no burst any more. */
const intervalMs = 1_000

/**
 * How long a request may wait in a queue, by how the queue fares ("controlled delay", after CoDel, RFC 8289, as applied to requests): a queue
 * that was empty a moment ago is a burst, and whoever is in it may wait for long; one that has stood for a whole interval
 * is overload, where waiting helps nobody, and whoever comes waits shortly or is told at once.
 */
export class QueueDelay {
  #emptyAt: number

  constructor(now: number) {
    this.#emptyAt = now
  }

  /** The queue is seen to be empty. */
  noteEmpty(now: number): void {
    this.#emptyAt = now
  }

  /** Milliseconds that one may wait that is put in now: `longestMs` in a burst, `targetMs` in a queue that stands. */
  patienceMs(now: number, longestMs: number, targetMs: number): number {
    return now - this.#emptyAt > intervalMs ? Math.min(longestMs, targetMs) : longestMs
  }
}
