import { describe, expect, it } from 'vitest'
import { backoffMs, historyAfterExit } from './backoff.js'
import { instance } from './fixtures.suite.js'
import type { SlotHistory } from './state.js'

const crashed = (since = 0) =>
  instance('web/0@A', { since }, { exited: { at: since + 5000, reason: { kind: 'exit', code: 1 } } })
const minute = 60_000
const stopped = (reason: { kind: 'stopped' } | { kind: 'never_healthy'; detail: string }) =>
  instance(
    'web/0@A',
    { stop: { since: 0, reason, killedAt: null } },
    { exited: { at: 0, reason: { kind: 'signal', signal: 'SIGTERM' } } },
  )

describe('backoff', () => {
  it('doubles from one second to five minutes', () => {
    expect([0, 1, 2, 3, 9, 10, 1000].map(backoffMs)).toEqual([0, 1000, 2000, 4000, 256_000, 300_000, 300_000])
  })

  it('counts failures in a row of the same run, and forgets them after ten healthy minutes', () => {
    let history: SlotHistory | undefined
    for (const failures of [1, 2, 3]) {
      history = historyAfterExit(history, crashed(), 'always', 5000)
      expect(history).toMatchObject({ failures, notBefore: 5000 + backoffMs(failures) })
    }
    expect(historyAfterExit(history, crashed(), 'always', 10 * minute).failures).toBe(1)
    expect(historyAfterExit(history, crashed(1), 'always', 10 * minute).failures).toBe(4)
    const other = instance('web/0@B', {}, { exited: { at: 0, reason: { kind: 'exit', code: 1 } } })
    expect(historyAfterExit(history, other, 'always', 0).failures).toBe(1)
  })

  it('takes what we stopped it for before how it ended', () => {
    expect(historyAfterExit(undefined, stopped({ kind: 'stopped' }), 'always', 0)).toMatchObject({
      failures: 0,
      notBefore: 0,
    })
    expect(historyAfterExit(undefined, stopped({ kind: 'never_healthy', detail: '' }), 'always', 0)).toMatchObject({
      failures: 1,
      lastExit: { reason: { kind: 'never_healthy' } },
    })
  })

  it('ends a run as its policy says', () => {
    const done = instance('web/0@A', {}, { exited: { at: 0, reason: { kind: 'exit', code: 0 } } })
    expect(historyAfterExit(undefined, done, 'always', 0)).toMatchObject({ failures: 1, ended: null })
    expect(historyAfterExit(undefined, done, 'on-failure', 0).ended).toMatchObject({ isSuccess: true })
    expect(historyAfterExit(undefined, crashed(), 'on-failure', 0)).toMatchObject({ failures: 1, ended: null })
    expect(historyAfterExit(undefined, crashed(), 'no', 0).ended).toMatchObject({ isSuccess: false })
  })

  it('keeps a run that has ended when a stray instance in its slot is stopped', () => {
    const ended = { revision: 'B', generation: 1, isSuccess: true }
    const stray = instance(
      'web/0@A',
      { stop: { since: 0, reason: { kind: 'stopped' }, killedAt: null } },
      { exited: { at: 0, reason: { kind: 'exit', code: 0 } } },
    )
    const history = { failures: 0, notBefore: 0, lastExit: null, ended }
    expect(historyAfterExit(history, stray, 'no', 0).ended).toEqual(ended)
  })
})
