import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BucketTable } from './bucket-table.js'
import { Rate } from './rate.js'

/** Requests of one key at these times: which are granted. */
function run(table: BucketTable, key: string, times: readonly number[]): boolean[] {
  return times.map((now) => {
    const debt = table.debt(key, now)
    if (!table.rate.grants(debt)) return false
    table.set(key, debt + table.rate.cost, now)
    return true
  })
}

const tableOf = (requests: number, periodMs: number, burst: number, most?: number): BucketTable =>
  new BucketTable(new Rate(requests, periodMs, burst), 7, most)

describe('a token bucket', () => {
  it('grants its burst at once and then one request as each is paid back', () => {
    const table = tableOf(2, 1000, 3)
    expect(run(table, 'a', [0, 0, 0, 0, 499, 500, 500, 999, 1000])).toEqual([
      true,
      true,
      true,
      false,
      false,
      true,
      false,
      false,
      true,
    ])
  })

  it('says what is left, how long to wait, and when it is full', () => {
    const rate = new Rate(2, 1000, 3)
    const debt = 3 * rate.cost
    expect([rate.remaining(0), rate.remaining(debt), rate.remaining(debt - 1)]).toEqual([3, 0, 0])
    expect([rate.waitMs(debt), rate.waitMs(0), rate.fullMs(debt)]).toEqual([500, 0, 1500])
  })

  it('never rounds: seventy thousand at seven a second take ten thousand seconds, to the millisecond', () => {
    const table = tableOf(7, 1000, 2)
    let granted = 0
    let now = 0
    for (let request = 0; request < 70_000; request++) {
      const debt = table.debt('a', now)
      now += table.rate.waitMs(debt)
      if (run(table, 'a', [now])[0]) granted++
    }
    expect(granted).toBe(70_000)
    // Each waits for the first whole millisecond, and the remainder is kept for the next.
    expect(now).toBe(Math.ceil((69_998 * 1000) / 7))
  })

  it('in no window grants more than burst and rate allow, nor less to who asks always', () => {
    const amounts = fc.record({
      requests: fc.integer({ min: 1, max: 50 }),
      periodMs: fc.integer({ min: 1, max: 5_000 }),
      burst: fc.integer({ min: 1, max: 20 }),
    })
    const steps = fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 80 })
    fc.assert(
      fc.property(amounts, steps, ({ requests, periodMs, burst }, pauses) => {
        const table = tableOf(requests, periodMs, burst)
        let now = 0
        const times = pauses.map((pause) => (now += pause))
        const granted = run(table, 'a', times)
        for (let from = 0; from < times.length; from++) {
          let count = 0
          for (let to = from; to < times.length; to++) {
            if (granted[to]) count++
            const window = (times[to] as number) - (times[from] as number)
            expect(count).toBeLessThanOrEqual(burst + Math.floor((window * requests) / periodMs))
          }
        }
        // A model with fractions: tokens never more than burst.
        let tokens = burst
        let last = 0
        times.forEach((time, index) => {
          tokens = Math.min(burst, tokens + ((time - last) * requests) / periodMs)
          last = time
          expect(granted[index] === true || tokens < 1 + 1e-9).toBe(true)
          if (granted[index]) tokens -= 1
        })
      }),
    )
  })

  it('a clock that stands still or steps back gives nothing away', () => {
    const table = tableOf(1, 1000, 1)
    expect(run(table, 'a', [5_000, 4_000, 5_000, 5_999, 6_000])).toEqual([true, false, false, false, true])
  })
})

describe('a table of buckets', () => {
  it('counts each key by itself', () => {
    const table = tableOf(1, 1000, 1)
    expect([...run(table, 'a', [0, 0]), ...run(table, 'b', [0, 0])]).toEqual([true, false, true, false])
  })

  it('stays within its bound', () => {
    const table = tableOf(1, 1000, 1, 500)
    for (let index = 0; index < 5_000; index++) run(table, `k${index}`, [index])
    expect(table.size).toBe(500)
  })

  it('filling it resets nobody: a key that has used up its burst stays refused, whatever else comes', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 2_000 }),
        fc.integer({ min: 1, max: 3 }),
        (seed, others, each) => {
          const table = new BucketTable(new Rate(1, 1_000_000, 2), seed, 16)
          expect(run(table, 'victim', [0, 0, 0])).toEqual([true, true, false])
          for (let other = 0; other < others; other++) {
            for (let request = 0; request < each; request++) run(table, `o${other}`, [1])
          }
          expect(run(table, 'victim', [2])).toEqual([false])
          expect(run(table, 'victim', [2_000_001])).toEqual([true])
        },
      ),
      { numRuns: 50 },
    )
  })

  it('a flood of keys that ask once each leaves newcomers nearly all of their burst', () => {
    const table = tableOf(1, 1_000_000, 10, 1_000)
    for (let index = 0; index < 50_000; index++) run(table, `flood${index}`, [0])
    const left = Array.from({ length: 1_000 }, (_, index) => table.rate.remaining(table.debt(`new${index}`, 0)))
    expect(Math.min(...left)).toBeGreaterThanOrEqual(3)
    expect(left.reduce((sum, value) => sum + value) / left.length).toBeGreaterThan(8)
  })
})
