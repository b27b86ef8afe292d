/** What one worker may have above its share before it gives connections away: room for those that come and go. */
const slack = 4
const tolerance = 1.125

/**
 * Whether a worker keeps a connection that it has accepted. The kernel gives a connection to whichever worker asks first, which is cheap, and
 * fair where connections are short; of 64 kept-alive ones that came at once it gave one of two workers 61. So a worker
 * that has clearly more than its share keeps only its turn of the new ones, and the others go, by way of the primary, to the one with the fewest.
 */
export class AcceptShare {
  /** Workers that serve, this one included. */
  workers = 1
  /** Mean of their open connections, a moment ago. */
  mean = 0
  #turn = 0

  /** True when the connection is to go to another worker. `open`: connections that this worker has. */
  givesAway(open: number): boolean {
    if (this.workers < 2 || open < this.mean * tolerance + slack) return false
    this.#turn = (this.#turn + 1) % this.workers
    return this.#turn !== 0
  }
}
