const bucketMs = 100
/** Output and errors reach the engine by two ways: what it writes down may be older than what it wrote before by a moment, never by this much. */
const keptBuckets = 20

/** The newest entries of a container's output, as many as may still be overtaken by older ones. */
export interface LogMark {
  /** RFC 3339; empty: the beginning. */
  readonly since: string
  /** Time of the entry that the engine gives first when it is asked since then. */
  readonly first: string
  /** Of the latest entry. */
  readonly latest: string
  /** Bytes of all entries since then, in whatever order the engine has them. */
  readonly bytes: number
  /** Of those that are of the latest time. */
  readonly latestBytes: number
}

interface Bucket {
  bytes: number
  readonly first: string
  readonly order: number
}

/** Counts entries by their time, and forgets all but the last two seconds before the latest. Entries without a time count as the latest. */
export class LogWindow {
  readonly #buckets = new Map<number, Bucket>()
  /** Nothing before this was ever given to us. */
  readonly #begin: string
  #order = 0
  #newest = Number.NEGATIVE_INFINITY
  #latest = ''
  #latestBytes = 0

  constructor(begin: string) {
    this.#begin = begin
  }

  add(at: string, bytes: number): void {
    const time = Date.parse(at)
    const bucket = Number.isNaN(time) ? this.#newest : Math.floor(time / bucketMs)
    this.#order += 1
    if (at > this.#latest) {
      this.#latest = at
      this.#latestBytes = bytes
    } else if (at === this.#latest) this.#latestBytes += bytes
    // The engine will not give it again.
    if (bucket < this.#newest - keptBuckets) return
    const found = this.#buckets.get(bucket)
    if (found === undefined) this.#buckets.set(bucket, { bytes, first: at, order: this.#order })
    else found.bytes += bytes
    if (bucket <= this.#newest) return
    this.#newest = bucket
    for (const old of this.#buckets.keys()) if (old < bucket - keptBuckets) this.#buckets.delete(old)
  }

  /** Null when there was no entry yet. */
  mark(): LogMark | null {
    if (this.#order === 0) return null
    const oldest = (this.#newest - keptBuckets) * bucketMs
    const since = Number.isFinite(oldest) ? new Date(oldest).toISOString() : ''
    const kept = [...this.#buckets.values()]
    return {
      since: Date.parse(since) > (Date.parse(this.#begin) || 0) ? since : this.#begin,
      first: kept.toSorted((a, b) => a.order - b.order)[0]?.first ?? '',
      latest: this.#latest,
      bytes: kept.reduce((sum, { bytes }) => sum + bytes, 0),
      latestBytes: this.#latestBytes,
    }
  }
}
