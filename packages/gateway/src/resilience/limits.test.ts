import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoffMs, retryAfterMs } from './backoff.js'
import { readDeadline, remainingMs } from './deadline.js'
import { FailureBreaker } from './failure-breaker.js'
import { LatencyEstimate } from './latency-estimate.js'
import { LoopDelay } from './loop-delay.js'
import { QueueDelay } from './queue-delay.js'
import { RetryBudget } from './retry-budget.js'
import { defaultRules, RetryRules } from './retry-rules.js'
import { ServiceGuard } from './service-guard.js'
import { SlidingCount } from './sliding-count.js'

describe('a sliding count', () => {
  it('forgets what is older than its window', () => {
    const count = new SlidingCount(1_000, 0)
    count.add(0)
    count.add(950)
    expect(count.sum).toBe(2)
    count.forget(1_000)
    expect(count.sum).toBe(1)
    count.forget(1_999)
    expect(count.sum).toBe(0)
  })

  it('is what a list of times would say, to a tenth of the window', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 100 }), (pauses) => {
        const count = new SlidingCount(1_000, 0)
        const times: number[] = []
        let now = 0
        for (const pause of pauses) {
          now += pause
          count.add(now)
          times.push(now)
          const within = (ms: number): number => times.filter((time) => time > now - ms).length
          expect(count.sum).toBeGreaterThanOrEqual(within(900))
          expect(count.sum).toBeLessThanOrEqual(within(1_000.5))
        }
      }),
    )
  })
})

describe('the retry budget', () => {
  it('is a fifth of the requests and three besides, when everything fails', () => {
    const budget = new RetryBudget({ percent: 20, minimum: 3 }, 0)
    let sent = 0
    for (let request = 0; request < 1_000; request++) {
      budget.noteRequest(request)
      sent++
      for (let attempt = 0; attempt < 5 && budget.take(request); attempt++) sent++
    }
    expect(sent).toBe(1_203)
  })

  it('is there again when the last ten seconds are over', () => {
    const budget = new RetryBudget({ percent: 20, minimum: 3 }, 0)
    const takeAll = (now: number): number => {
      let taken = 0
      while (budget.take(now)) taken++
      return taken
    }
    for (let request = 0; request < 10; request++) budget.noteRequest(0)
    expect(takeAll(0)).toBe(5)
    expect(takeAll(9_000)).toBe(0)
    expect(takeAll(10_000)).toBe(3)
  })

  it('gives a try only while those of ten seconds stay within their share of the requests of ten seconds', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ pause: fc.integer({ min: 0, max: 3_000 }), attempts: fc.nat(4) }), { maxLength: 80 }),
        (requests) => {
          const budget = new RetryBudget({ percent: 20, minimum: 3 }, 0)
          const asked: number[] = []
          const retried: number[] = []
          let now = 0
          for (const { pause, attempts } of requests) {
            now += pause
            budget.noteRequest(now)
            asked.push(now)
            const within = (times: readonly number[], ms: number): number =>
              times.filter((time) => time > now - ms).length
            for (let attempt = 0; attempt < attempts && budget.take(now); attempt++) {
              retried.push(now)
              expect(within(retried, 9_000)).toBeLessThanOrEqual(within(asked, 10_001) * 0.2 + 3)
            }
          }
        },
      ),
    )
  })
})

describe('the pause before a further try', () => {
  it('is anything up to twice as long each time, and never above 5 s', () => {
    expect([1, 2, 3].map((retry) => backoffMs(retry, 100, () => 0.5))).toEqual([50, 100, 200])
    expect(backoffMs(1, 100, () => 0)).toBe(0)
    expect(backoffMs(50, 10_000, () => 0.999)).toBe(5_000)
  })

  it('follows Retry-After, in seconds or as a date', () => {
    const now = Date.UTC(2030, 0, 1)
    expect(retryAfterMs('2', now)).toBe(2_000)
    expect(retryAfterMs('Tue, 01 Jan 2030 00:00:03 GMT', now)).toBe(3_000)
    expect(retryAfterMs('Tue, 01 Jan 2019 00:00:03 GMT', now)).toBe(0)
    for (const odd of ['', '-1', '1.5', 'soon', '2030-01-01', '9999999999']) expect(retryAfterMs(odd, now)).toBeNull()
  })
})

describe('the rules of a route', () => {
  it('take what they name', () => {
    const rules = new RetryRules({
      attempts: 3,
      on: ['reset', 503, 429, 'unavailable'],
      backoffMs: 25,
      idempotencyKey: true,
      idempotent: false,
    })
    expect([rules.takesCall('UNAVAILABLE'), rules.takesCall('INTERNAL')]).toEqual([true, false])
    expect([rules.onReset, rules.onTimeout, rules.takesStatus(503), rules.takesStatus(502)]).toEqual([
      true,
      false,
      true,
      false,
    ])
  })

  it('look at no answer where the route says nothing', () => {
    const rules = defaultRules(2)
    expect([rules.onReset, rules.onTimeout, rules.hasStatuses, rules.takesStatus(503)]).toEqual([
      true,
      true,
      false,
      false,
    ])
  })
})

function tries(breaker: FailureBreaker, now: number, failures: number, successes: number): void {
  for (let one = 0; one < successes; one++) breaker.leave(breaker.admit(now), false, now)
  for (let one = 0; one < failures; one++) breaker.leave(breaker.admit(now), true, now)
}

describe('the failure breaker', () => {
  const spec = { failurePercent: 50, minRequests: 10, windowMs: 10_000, openMs: 5_000, probes: 2 }

  it('opens when half of at least ten have failed', () => {
    const breaker = new FailureBreaker(spec, 0)
    tries(breaker, 0, 9, 0)
    expect(breaker.admit(0)).toBe('normal')
    breaker.leave('normal', true, 0)
    expect(breaker.admit(1)).toBe('refused')
    expect(breaker.waitMs(1_000)).toBe(4_000)
  })

  it('stays closed below that, and forgets what is long ago', () => {
    const breaker = new FailureBreaker(spec, 0)
    tries(breaker, 0, 9, 10)
    expect(breaker.state).toBe('closed')
    tries(breaker, 20_000, 5, 0)
    expect(breaker.state).toBe('closed')
  })

  it('lets two through when its time is over, and closes when both succeed', () => {
    const breaker = new FailureBreaker(spec, 0)
    tries(breaker, 0, 10, 0)
    expect([breaker.admit(5_000), breaker.admit(5_000), breaker.admit(5_000)]).toEqual(['probe', 'probe', 'refused'])
    // What began before it opened says nothing.
    breaker.leave('normal', true, 5_001)
    breaker.leave('probe', false, 5_001)
    expect(breaker.admit(5_001)).toBe('refused')
    breaker.leave('probe', false, 5_001)
    expect(breaker.admit(5_002)).toBe('normal')
  })

  it('opens for twice as long when one fails', () => {
    const breaker = new FailureBreaker(spec, 0)
    tries(breaker, 0, 10, 0)
    breaker.leave(breaker.admit(5_000), true, 5_000)
    expect(breaker.admit(14_999)).toBe('refused')
    expect(breaker.admit(15_000)).toBe('probe')
  })

  it('lets another through for one that told nothing', () => {
    const breaker = new FailureBreaker(spec, 0)
    tries(breaker, 0, 10, 0)
    const [one, other] = [breaker.admit(5_000), breaker.admit(5_000)]
    breaker.leave(one, null, 5_001)
    expect(breaker.admit(5_001)).toBe('probe')
    expect(other).toBe('probe')
  })
})

describe('the guard of a service', () => {
  const spec = { maxConnections: null, maxPending: null, maxRequests: 2, maxRetries: 1, failures: null }

  it('lets so many in at once', () => {
    const guard = new ServiceGuard(spec, 0)
    expect([guard.admit('web', 0), guard.admit('web', 0)]).toEqual([null, null])
    expect(guard.admit('web', 0)).toMatchObject({ reason: 'overloaded' })
    guard.leave('normal', false, 0)
    expect(guard.admit('web', 0)).toBeNull()
  })

  it('lets so many further tries happen at once', () => {
    const guard = new ServiceGuard(spec, 0)
    expect([guard.takeRetry(), guard.takeRetry()]).toEqual([true, false])
    guard.leaveRetry()
    expect(guard.takeRetry()).toBe(true)
  })

  it('says when to come again while its breaker is open', () => {
    const failures = { failurePercent: 100, minRequests: 1, windowMs: 1_000, openMs: 5_000, probes: 1 }
    const guard = new ServiceGuard({ ...spec, failures }, 0)
    guard.admit('web', 0)
    guard.leave(guard.admission, true, 0)
    expect(guard.admit('web', 1_000)).toMatchObject({ reason: 'circuit_open', waitMs: 4_000 })
    expect(guard.requests).toBe(0)
  })
})

describe('the estimate of the 95th percentile', () => {
  it('says nothing before enough were seen', () => {
    const estimate = new LatencyEstimate()
    for (let time = 0; time < 49; time++) estimate.add(10)
    expect(estimate.value).toBe(0)
  })

  it('comes near, and follows', () => {
    const estimate = new LatencyEstimate()
    let state = 1
    const random = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
    for (let time = 0; time < 20_000; time++) estimate.add(100 * random())
    expect(estimate.value).toBeGreaterThan(80)
    expect(estimate.value).toBeLessThan(110)
    for (let time = 0; time < 20_000; time++) estimate.add(1_000 * random())
    expect(estimate.value).toBeGreaterThan(800)
    expect(estimate.value).toBeLessThan(1_100)
  })
})

describe('a worker that is late', () => {
  it('is overloaded when it has been for a second on end', () => {
    const delay = new LoopDelay()
    for (let now = 0; now < 1_000; now += 100) {
      delay.note(400, 300, now)
      expect(delay.isOverloaded).toBe(false)
    }
    delay.note(400, 300, 1_000)
    expect(delay.isOverloaded).toBe(true)
    delay.note(300, 300, 1_100)
    expect(delay.isOverloaded).toBe(false)
    delay.note(400, 300, 1_200)
    expect(delay.isOverloaded).toBe(false)
  })
})

describe('the patience of a queue', () => {
  it('is long in a burst and short when the queue has stood for an interval', () => {
    const delay = new QueueDelay(0)
    expect(delay.patienceMs(1_000, 5_000, 100)).toBe(5_000)
    expect(delay.patienceMs(1_001, 5_000, 100)).toBe(100)
    expect(delay.patienceMs(1_001, 50, 100)).toBe(50)
    delay.noteEmpty(1_500)
    expect(delay.patienceMs(2_000, 5_000, 100)).toBe(5_000)
  })
})

const read = (text: string): number => readDeadline(Buffer.from(text), 0, text.length)

describe('the deadline', () => {
  it('is read from digits only', () => {
    expect(read('1893456000000')).toBe(1_893_456_000_000)
    for (const odd of ['', '-1', '1e3', ' 12', '1234567890123456']) expect(read(odd)).toBe(0)
  })

  it('is the shorter of the route’s time and the caller’s', () => {
    expect(remainingMs(5_000, 0, 1_000)).toBe(5_000)
    expect(remainingMs(0, 3_000, 1_000)).toBe(2_000)
    expect(remainingMs(1_000, 3_000, 1_000)).toBe(1_000)
    expect(remainingMs(5_000, 500, 1_000)).toBe(1)
  })
})
