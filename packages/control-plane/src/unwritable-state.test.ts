import { PandoError } from '@pando/model'
import { expect, it } from 'vitest'
import { SimulatedClock } from './reconciler/simulated-clock.suite.js'
import type { NewEvent } from './events/events.js'
import { UnwritableState } from './unwritable-state.js'

const full = new PandoError('internal', 'the state file failed: database or disk is full', { hint: 'make room' })

function world() {
  const clock = new SimulatedClock()
  const told: string[] = []
  const events: NewEvent[] = []
  const disk = { isFull: true }
  const state = new UnwritableState({
    clock,
    emit: (event) => {
      if (!disk.isFull) return events.push(event)
      state.lose()
      return null
    },
    onFault: (what) => told.push(what),
  })
  return { clock, disk, events, state, told }
}

it('tells of it once, and shows it with its cause and what to do for as long as it lasts', async () => {
  const { clock, disk, events, state, told } = world()
  expect(state.fault).toBeNull()
  expect(state.lose()).toBe(false)
  state.note(full)
  expect(state.lose()).toBe(true)
  await clock.pass(10_000)
  state.note(full)
  expect(told).toHaveLength(1)
  expect(state.fault).toMatch(/disk is full.*make room$/)
  disk.isFull = false
  await clock.pass(2000)
  expect(state.fault).toBeNull()
  expect(told[1]).toContain('can be written again')
  expect(events).toEqual([
    { kind: 'store.recovered', message: expect.stringMatching(/again, after 12 s without room; 6 events/) },
  ])
})

it('tells of it anew when it comes again', async () => {
  const { clock, disk, state, told } = world()
  state.note(full)
  disk.isFull = false
  await clock.pass(2000)
  state.note(full)
  expect(told).toHaveLength(3)
})
