import type { WorkerEnd, WorkerEnds } from '@pando/model'

/** Ends that are kept for a control plane that is away. */
const mostKept = 8

/** What the control plane is to be told of workers that have ended. Bounded: of those that nobody has heard of, the newest. */
export class EndsToTell {
  #count = 0
  #told = 0
  #recent: readonly WorkerEnd[] = []

  /** Ends since the primary started. */
  get count(): number {
    return this.#count
  }

  add(end: Omit<WorkerEnd, 'number'>): void {
    this.#count++
    const untold = this.#recent.filter(({ number }) => number > this.#told)
    this.#recent = [...untold, { number: this.#count, ...end }].slice(-mostKept)
  }

  /** The control plane has taken a report with these. */
  taken(ends: WorkerEnds): void {
    this.#told = Math.max(this.#told, ends.count)
    // The last one stays: a control plane that starts anew shall know it as well.
    this.#recent = this.#recent.filter(({ number }) => number > this.#told || number === this.#count)
  }

  /** Null: none has ended. */
  get report(): WorkerEnds | null {
    return this.#count === 0 ? null : { count: this.#count, told: this.#told, recent: this.#recent }
  }
}
