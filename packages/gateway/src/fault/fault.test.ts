import type { FaultSpec, RouteSpec } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { requestOf, verdictOf } from '../policy/policy-request.suite.js'
import { decideFault } from './fault-decision.js'
import { Faults } from './fault.js'

const both: FaultSpec = {
  delay: { ms: 100, percent: 50 },
  abort: { status: 503, percent: 10 },
  byHeader: false,
}
const none = (): null => null
const asking =
  (headers: Record<string, string>) =>
  (name: string): string | null =>
    headers[name] ?? null

const aborting = (percent: number): FaultSpec => ({ abort: { status: 500, percent }, byHeader: false })
const policyOf = (fault: FaultSpec, faults = new Faults(() => 0)) => faults.of({ fault } as RouteSpec)[0]

describe('a fault', () => {
  it.each([
    [0.05, { delayMs: 100, status: 503 }],
    [0.2, { delayMs: 100, status: 0 }],
    [0.5, { delayMs: 0, status: 0 }],
  ])('strikes by chance: %d', (point, expected) => {
    expect(decideFault(both, none, () => point)).toEqual(expected)
  })

  it('of 100 percent always strikes, of 0 never', () => {
    expect(decideFault(aborting(100), none, () => 1 - Number.EPSILON).status).toBe(500)
    expect(decideFault(aborting(0), none, () => 0).status).toBe(0)
  })

  it('is asked for by header only where the route allows it', () => {
    const header = asking({ 'x-pando-fault-delay': '2s', 'x-pando-fault-abort': '429' })
    expect(decideFault({ byHeader: true }, header, () => 0)).toEqual({ delayMs: 2_000, status: 429 })
    expect(decideFault({ byHeader: false }, header, () => 0)).toEqual({ delayMs: 0, status: 0 })
  })

  it.each([
    [{ 'x-pando-fault-delay': '999999s' }, { delayMs: 60_000, status: 0 }],
    [{ 'x-pando-fault-delay': '250' }, { delayMs: 250, status: 0 }],
    [
      { 'x-pando-fault-delay': '-1', 'x-pando-fault-abort': '200' },
      { delayMs: 0, status: 0 },
    ],
    [{ 'x-pando-fault-abort': '600' }, { delayMs: 0, status: 0 }],
  ])('takes of %j no more than is sane', (headers, expected) => {
    expect(decideFault({ byHeader: true }, asking(headers), () => 0)).toEqual(expected)
  })
})

describe('the policy', () => {
  it('answers with the status and says that it was on purpose', () => {
    const verdict = verdictOf(policyOf({ abort: { status: 418, percent: 100 }, byHeader: false }))
    expect(verdict?.answer).toMatchObject({ reason: 'fault_injected', status: 418 })
  })

  it('keeps the headers that ask for faults from the service', () => {
    const verdict = verdictOf(policyOf({ byHeader: true })) as { request?: { dropped: readonly Uint8Array[] } }
    expect(verdict.request?.dropped.map(String)).toHaveLength(2)
  })

  it('lets a delayed request go when the gateway closes', async () => {
    const faults = new Faults(() => 0)
    const waiting = policyOf({ delay: { ms: 1_000_000, percent: 100 }, byHeader: false }, faults)?.check(requestOf())
    faults.close()
    expect(await waiting).toBeNull()
  })
})
