/** Lateness that lasts for so long is overload, and no hiccup. */
const intervalMs = 1_000

/** Whether a worker has more to do than it can: everything that it does has been coming late for a while. */
export class LoopDelay {
  isOverloaded = false
  #lateSince: number | null = null

  /** Something that was due has been done `lateMs` after its time; more than `limitMs` is too late. */
  note(lateMs: number, limitMs: number, now: number): void {
    if (lateMs <= limitMs) this.#lateSince = null
    else this.#lateSince ??= now
    this.isOverloaded = this.#lateSince !== null && now - this.#lateSince >= intervalMs
  }
}
