import type { Endpoint, RoutingTable, WatchMessage } from '@pando/model'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyMessage } from './table-state.js'
import { tableUpdate } from './table-update.js'
import { config, endpoint, tableOf } from './tables.suite.js'

const first = config([])
const second = config([], '/var/log/access.log')

/** What a control plane went through: its state at every version. */
const history = fc
  .array(
    fc.record({
      set: fc.uniqueArray(fc.integer({ min: 0, max: 5 }), { maxLength: 3 }),
      removed: fc.uniqueArray(fc.integer({ min: 0, max: 5 }), { maxLength: 2 }),
      hasConfig: fc.boolean(),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((steps) => {
    const states: RoutingTable[] = [tableOf(0, [], first)]
    steps.forEach(({ set, removed, hasConfig }, index) => {
      const before = states[index] as RoutingTable
      const endpoints = new Map(before.endpoints.map((one) => [one.id, one]))
      for (const id of removed) endpoints.delete(`u${id}`)
      for (const id of set) endpoints.set(`u${id}`, endpoint(`u${id}`, 1_000 + index))
      const of = hasConfig ? (before.config === first ? second : first) : before.config
      states.push(tableOf(index + 1, [...endpoints.values()], of))
    })
    return states
  })

function changeBetween(from: RoutingTable, to: RoutingTable): WatchMessage {
  const before = new Map(from.endpoints.map((one) => [one.id, one]))
  const after = new Set(to.endpoints.map((one) => one.id))
  return {
    type: 'change',
    from: from.version,
    version: to.version,
    set: to.endpoints.filter((one) => before.get(one.id) !== one),
    removed: [...before.keys()].filter((id) => !after.has(id)),
    ...(to.config === from.config ? {} : { config: to.config }),
  }
}

function messageOf(states: readonly RoutingTable[], pick: { kind: string; at: number; size: number }): WatchMessage {
  const from = states[pick.at % states.length] as RoutingTable
  const to = states[Math.min(states.length - 1, (pick.at % states.length) + pick.size)] as RoutingTable
  if (pick.kind === 'snapshot') return { type: 'snapshot', ...from }
  if (pick.kind === 'heartbeat' || to === from) return { type: 'heartbeat', version: from.version }
  return changeBetween(from, to)
}

const sorted = (endpoints: readonly Endpoint[]) => [...endpoints].sort((a, b) => (a.id < b.id ? -1 : 1))

describe('applyMessage', () => {
  const picks = fc.array(
    fc.record({
      kind: fc.constantFrom('snapshot', 'change', 'change', 'change', 'heartbeat'),
      at: fc.nat(12),
      size: fc.integer({ min: 1, max: 3 }),
    }),
    { maxLength: 40 },
  )

  it('is at a state that the control plane had, or starts over, whatever messages are lost, doubled or out of order', () => {
    fc.assert(
      fc.property(history, picks, (states, chosen) => {
        let table: RoutingTable | null = null
        for (const pick of chosen) {
          const outcome = applyMessage(table, messageOf(states, pick))
          if (outcome.kind === 'start_over') table = null
          if (outcome.kind === 'changed') table = outcome.table
          const truth: RoutingTable | null = table === null ? null : (states[table.version] as RoutingTable)
          expect(table?.config).toBe(truth?.config)
          expect(sorted(table?.endpoints ?? [])).toEqual(sorted(truth?.endpoints ?? []))
        }
      }),
      { numRuns: 500 },
    )
  })

  it('follows every version when nothing is lost', () => {
    fc.assert(
      fc.property(history, (states) => {
        let table: RoutingTable | null = null
        states.forEach((state, index) => {
          const message: WatchMessage =
            index === 0 ? { type: 'snapshot', ...state } : changeBetween(states[index - 1] as RoutingTable, state)
          const outcome = applyMessage(table, message)
          expect(outcome.kind).toBe('changed')
          table = (outcome as { table: RoutingTable }).table
          expect(applyMessage(table, { type: 'heartbeat', version: state.version })).toEqual({ kind: 'same' })
        })
      }),
    )
  })

  it.each<[string, WatchMessage]>([
    ['a change behind a gap', { type: 'change', from: 4, version: 5, set: [], removed: [] }],
    ['a change seen before', { type: 'change', from: 2, version: 3, set: [], removed: [] }],
    ['a change that goes nowhere', { type: 'change', from: 3, version: 3, set: [], removed: [] }],
    ['a heartbeat of a later version', { type: 'heartbeat', version: 4 }],
    ['a snapshot without configuration', { type: 'snapshot', epoch: 'e', version: 9, endpoints: [] }],
  ])('starts over at %s', (_, message) => {
    expect(applyMessage(tableOf(3, []), message).kind).toBe('start_over')
  })

  it('waits while the control plane has nothing to serve yet', () => {
    expect(applyMessage(null, { type: 'heartbeat', version: 0 })).toEqual({ kind: 'same' })
  })
})

describe('tableUpdate', () => {
  it('brings a worker from any table to any later one, sending the configuration only when it changed', () => {
    fc.assert(
      fc.property(history, fc.nat(12), fc.nat(12), (states, one, other) => {
        const from = states[Math.min(one, other) % states.length] as RoutingTable
        const to = states[Math.max(one, other) % states.length] as RoutingTable
        fc.pre(from.version <= to.version)
        const update = tableUpdate(from, to)
        expect(update.type).toBe(from.config === to.config ? 'endpoints' : 'table')
        const endpoints = new Map(from.endpoints.map((each) => [each.id, each]))
        const whole = update.type === 'table' ? update.table.endpoints : null
        const news = update.type === 'endpoints' ? update : { set: [], removed: [] }
        for (const id of news.removed) endpoints.delete(id)
        for (const each of news.set) endpoints.set(each.id, each)
        expect(sorted(whole ?? [...endpoints.values()])).toEqual(sorted(to.endpoints))
      }),
    )
  })
})
