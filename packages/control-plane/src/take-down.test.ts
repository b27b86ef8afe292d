import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { InstanceReport } from './drivers/driver.js'
import { ManualClock } from './registry/manual-clock.suite.js'
import { TakeDown, unstoppedFile } from './take-down.js'

let stateDir: string
let clock: ManualClock
let steps: string[]
/** By id, what runs, and whether it can be told anything. */
let running: Map<string, boolean>
let jobs: Map<string, boolean>
let end: { jobs: () => void; services: () => void }
let result: readonly string[] | null

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'pando-down-'))
  clock = new ManualClock()
  ;[steps, running, jobs, result] = [[], new Map(), new Map(), null]
  end = { jobs: () => {}, services: () => {} }
})

afterEach(() => rmSync(stateDir, { recursive: true }))

const reachable = (of: () => Map<string, boolean>) => ({
  list: async () => [...of().keys()].map((id) => ({ id, state: { kind: 'running' } }) as InstanceReport),
  unreachable: async () => [...of()].flatMap(([id, canBeTold]) => (canBeTold ? [] : [id])),
})

function down(): void {
  const takeDown = new TakeDown({
    stateDir,
    clock,
    jobs: { stopAll: () => new Promise((resolve) => (end.jobs = resolve)) },
    reconciler: {
      setDesired: (desired) => void steps.push(`wanted: ${desired.size}`),
      idle: () => new Promise((resolve) => (end.services = resolve)),
    },
    instances: reachable(() => running),
    runs: reachable(() => jobs),
    emit: ({ message }) => steps.push(message),
  })
  void takeDown.run().then((left) => (result = left))
}

/** Lets a time go by second by second, with what is awaited in each. */
async function pass(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    clock.go(1000)
    for (let turn = 0; turn < 20; turn++) await Promise.resolve()
  }
}

it('waits for all that can be told to stop, however long it takes, jobs first', async () => {
  running.set('web-0', true)
  jobs.set('job', true)
  down()
  await pass(300)
  expect(steps).toEqual([])
  end.jobs()
  await pass(300)
  expect([steps, result]).toEqual([['wanted: 0'], null])
  end.services()
  await pass(1)
  expect(result).toEqual([])
  expect(existsSync(join(stateDir, unstoppedFile))).toBe(false)
})

it('leaves what is out of reach when nothing else is left, and says so', async () => {
  running.set('web-0', true).set('box-0', false)
  down()
  end.jobs()
  await pass(60)
  expect(result).toBe(null)
  running.delete('web-0')
  await pass(9)
  // It comes back for a moment: its ten seconds begin again.
  running.set('box-0', true)
  await pass(1)
  running.set('box-0', false)
  await pass(10)
  expect(result).toBe(null)
  await pass(2)
  expect(result).toEqual(['box-0'])
  expect(steps.at(-1)).toContain('box-0 could not be stopped')
  expect(JSON.parse(readFileSync(join(stateDir, unstoppedFile), 'utf8'))).toEqual({ instances: ['box-0'] })
})

it('goes on to the services when a job is out of reach', async () => {
  jobs.set('job', false)
  running.set('box-0', false)
  down()
  await pass(30)
  expect([result, steps[0]]).toEqual([['job', 'box-0'], 'wanted: 0'])
})
