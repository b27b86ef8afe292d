import { CompiledEdit } from '../route-table/header-edit.js'
import type { Limit } from './limit.js'

const ownNames = ['ratelimit', 'ratelimit-policy'].map((name) => Buffer.from(name))
const mostKept = 1_024

/**
 * `RateLimit` and `RateLimit-Policy` as draft-ietf-httpapi-ratelimit-headers-10 has them: `q` requests in `w` seconds; `r` are granted at
 * once, and in `t` seconds the bucket is full. `w` is left out where the period is no whole number of seconds.
 */
export class LimitHeaders {
  readonly #limits: readonly Limit[]
  readonly #policy: string
  /** Other limits of the route have told theirs before. */
  readonly #isAddition: boolean
  /** By what is left and when it is full: mostly the same few. */
  readonly #kept = new Map<number | string, CompiledEdit>()

  constructor(limits: readonly Limit[], isAddition: boolean) {
    this.#limits = limits
    this.#isAddition = isAddition
    this.#policy = limits.map(({ spec }) => `"${spec.name}";q=${spec.requests}${windowOf(spec.periodMs)}`).join(', ')
  }

  /** `debts` of the limits, in their order. */
  edit(debts: readonly number[]): CompiledEdit {
    // A number is found faster than the text that it stands for.
    const key = this.#limits.length === 1 ? numberOf(this.#limits[0] as Limit, debts[0] as number) : this.#value(debts)
    const known = this.#kept.get(key)
    if (known !== undefined) return known
    const lines = Buffer.from(`RateLimit-Policy: ${this.#policy}\r\nRateLimit: ${this.#value(debts)}\r\n`)
    const edit = new CompiledEdit(this.#isAddition ? [] : ownNames, lines)
    if (this.#kept.size >= mostKept) this.#kept.clear()
    this.#kept.set(key, edit)
    return edit
  }

  #value(debts: readonly number[]): string {
    let value = ''
    for (let index = 0; index < this.#limits.length; index++) {
      const { spec, rate } = this.#limits[index] as Limit
      const debt = debts[index] as number
      value += `${index === 0 ? '' : ', '}"${spec.name}";r=${rate.remaining(debt)};t=${Math.ceil(rate.fullMs(debt) / 1000)}`
    }
    return value
  }
}

function windowOf(periodMs: number): string {
  return periodMs % 1000 === 0 ? `;w=${periodMs / 1000}` : ''
}

/** Both in one number: what is left is below 2^20, the longest period 2^22 seconds. */
function numberOf({ rate }: Limit, debt: number): number {
  return rate.remaining(debt) * 2 ** 24 + Math.ceil(rate.fullMs(debt) / 1000)
}
