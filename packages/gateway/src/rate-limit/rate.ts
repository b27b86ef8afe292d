/**
 * A token bucket in whole numbers, told as the debt of its owner: a request costs `cost` units, `perMs` units are paid back each
 * millisecond, and a debt above `capacity` (`burst` requests) is not granted. Full bucket: no debt. With `requests` in `periodMs`
 * shortened by their greatest common divisor, no step is ever rounded, so nothing drifts however long it runs.
 */
export class Rate {
  readonly cost: number
  readonly perMs: number
  readonly capacity: number
  readonly burst: number

  /** Whole numbers above 0; `burst * periodMs` must stay below 2^53. */
  constructor(requests: number, periodMs: number, burst: number) {
    const divisor = greatestCommonDivisor(requests, periodMs)
    this.cost = periodMs / divisor
    this.perMs = requests / divisor
    this.capacity = burst * this.cost
    this.burst = burst
  }

  /** What is left at `now` of a debt as of `at`; both whole milliseconds on one clock, which may stand still but not run backwards for long. */
  debtAt(debt: number, at: number, now: number): number {
    if (now <= at) return debt
    // Past 2^53 this is rounded, and then more than any debt.
    const paid = (now - at) * this.perMs
    return paid >= debt ? 0 : debt - paid
  }

  grants(debt: number): boolean {
    return debt + this.cost <= this.capacity
  }

  /** Requests that are granted at once. */
  remaining(debt: number): number {
    return Math.max(0, Math.floor((this.capacity - debt) / this.cost))
  }

  /** Milliseconds until one request is granted. */
  waitMs(debt: number): number {
    return Math.max(0, Math.ceil((debt + this.cost - this.capacity) / this.perMs))
  }

  /** Milliseconds until nothing is owed. */
  fullMs(debt: number): number {
    return Math.ceil(debt / this.perMs)
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b]
  return a
}
