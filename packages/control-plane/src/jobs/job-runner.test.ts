import type { JobRun, ScheduleSpec } from '@pando/model'
import { describe, expect, it } from 'vitest'
import type { Builder } from '../build/builder.js'
import { FakeDriver, FakeSubstrate, type FakeBehaviour } from '../drivers/fake-driver.js'
import { desiredService } from '../reconciler/fixtures.suite.js'
import { seededRandom, SimulatedClock } from '../reconciler/simulated-clock.suite.js'
import { FullDisk } from '../store/full-disk.suite.js'
import { JobRunner } from './job-runner.js'

const second = 1000
const minute = 60 * second
const everyMinute: ScheduleSpec = {
  cron: '* * * * *',
  timeZone: 'UTC',
  concurrency: 'forbid',
  startingDeadlineMs: 5 * minute,
  history: 20,
  isSuspended: false,
  retries: 0,
  timeoutMs: null,
}
const program = { command: ['work'], workdir: '/', environment: {}, path: [] }

/** A clock at the start of an hour, and what outlives the runners that begin on it. */
function worldOf(
  options: { schedule?: Partial<ScheduleSpec>; behaviour?: FakeBehaviour; build?: Builder['build'] } = {},
) {
  const clock = new SimulatedClock(Math.floor(1_700_000_000_000 / (60 * minute)) * 60 * minute)
  const substrate = new FakeSubstrate({ clock, faults: { behaviour: () => options.behaviour ?? {} } })
  const store = new FullDisk()
  const service = desiredService('work')
  const schedule = options.schedule === undefined ? null : { ...everyMinute, ...options.schedule }
  const random = seededRandom(1)
  const events: string[] = []
  const begin = async (): Promise<JobRunner> => {
    const runner = new JobRunner({
      stateDir: '/absent',
      driver: new FakeDriver(substrate),
      builder: { build: options.build ?? (async () => ({ ...program })) },
      store,
      clock,
      random,
      emit: ({ kind }) => void events.push(kind),
      desired: () => new Map([['work', { ...service, spec: { ...service.spec, container } }]]),
      schedules: () => new Map(schedule === null ? [] : [['work', schedule]]),
      environment: () => ({}),
    })
    await runner.start({ isLast: false })
    return runner
  }
  return { clock, store, substrate, service: { ...service, spec: { ...service.spec, container } }, events, begin }
}

/** Of a container no exit code file is written. */
const container = { image: 'work' } as never
const resultsOf = (runner: JobRunner): JobRun['result'][] => runner.status('work').runs.map(({ result }) => result)

describe('a scheduled run', () => {
  it('is stopped as failed after its timeout, and killed when it does not end', async () => {
    const { clock, substrate, begin } = worldOf({
      schedule: { cron: '0 * * * *', timeoutMs: 30 * second, retries: 3 },
      behaviour: { stopsAfterMs: null },
    })
    const runner = await begin()
    await clock.pass(60 * minute)
    const due = runner.status('work').runs[0]!
    const graceMs = desiredService('work').spec.stopGracePeriodMs
    await clock.pass(due.startedAt + 30 * second + graceMs - 1 - clock.now())
    expect(substrate.running()).toHaveLength(1)
    await clock.pass(1)
    expect(substrate.running()).toEqual([])
    expect(runner.get(due.id)).toMatchObject({ result: 'failed', reason: 'it took longer than 30 s', tries: 1 })
  })

  it('is not begun while suspended, nor told as missed', async () => {
    const { clock, substrate, begin } = worldOf({ schedule: { isSuspended: true } })
    const runner = await begin()
    await clock.pass(10 * minute)
    expect(substrate.starts).toBe(0)
    expect(runner.status('work')).toMatchObject({ schedules: [{ nextAt: null }], runs: [] })
  })

  it('goes on beside others with allow, ten at most', async () => {
    const { clock, substrate, begin } = worldOf({ schedule: { concurrency: 'allow' } })
    const runner = await begin()
    await clock.pass(3 * minute + second)
    expect(substrate.running()).toHaveLength(3)
    await clock.pass(9 * minute)
    expect(substrate.running()).toHaveLength(10)
    expect(resultsOf(runner).filter((result) => result === 'missed')).toHaveLength(2)
  })

  it.each([
    { awayMs: 4 * minute, deadlineMs: 5 * minute, result: 'running', starts: 1 },
    { awayMs: 40 * minute + 30 * second, deadlineMs: 10 * second, result: 'missed', starts: 0 },
  ])('that was due while nobody was there is $result', async ({ awayMs, deadlineMs, result, starts }) => {
    const { clock, substrate, begin } = worldOf({ schedule: { startingDeadlineMs: deadlineMs } })
    await (await begin()).close()
    await clock.pass(awayMs)
    const runner = await begin()
    await clock.pass(0)
    expect(resultsOf(runner)).toEqual([result])
    expect(substrate.starts).toBe(starts)
  })
})

it('a run whose end cannot be written down goes on for everybody until it can', async () => {
  const { clock, store, substrate, service, events, begin } = worldOf({
    behaviour: { exitsAfterMs: second, exit: { kind: 'exit', code: 0 } },
  })
  const runner = await begin()
  const { id } = runner.run(service, null)
  await clock.pass(second / 2)
  store.isFull = true
  await clock.pass(5 * second)
  expect(substrate.running()).toEqual([])
  expect(runner.get(id)).toMatchObject({ result: 'running', endedAt: null })
  expect(events).toContain('fault')
  store.isFull = false
  await clock.pass(second)
  expect(runner.get(id)).toMatchObject({ result: 'succeeded', exitCode: 0 })
  await runner.stopAll()
})

describe('a run that is stopped', () => {
  it('while it is built starts nothing', async () => {
    const { clock, substrate, service, events, begin } = worldOf({
      build: (_order, _onOutput, signal) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),
    })
    const runner = await begin()
    const { id } = runner.run(service, null)
    await clock.pass(second)
    expect(runner.get(id).result).toBe('running')
    runner.stop(id)
    await clock.pass(0)
    expect(runner.get(id)).toMatchObject({ result: 'stopped', reason: 'stopped by hand' })
    expect(substrate.starts).toBe(0)
    expect(events).toEqual(['job.stopped'])
  })

  it('while it is started ends once it has begun', async () => {
    const { clock, substrate, service, begin } = worldOf({ behaviour: { beginsAfterMs: second } })
    const runner = await begin()
    const { id } = runner.run(service, null)
    await clock.pass(second / 2)
    runner.stop(id)
    await clock.pass(second)
    expect(substrate.starts).toBe(1)
    expect(substrate.running()).toEqual([])
    expect(runner.get(id).result).toBe('stopped')
  })

  it('while it waits for its next try is not tried again', async () => {
    const { clock, substrate, begin } = worldOf({
      schedule: { cron: '0 * * * *', retries: 5 },
      behaviour: { exitsAfterMs: 0 },
    })
    const runner = await begin()
    await clock.pass(60 * minute)
    const starts = substrate.starts
    const [run] = runner.status('work').runs
    runner.stop(run!.id)
    await clock.pass(10 * minute)
    expect(runner.get(run!.id).result).toBe('stopped')
    expect(substrate.starts).toBe(starts)
  })

  it('is ended by a kill when the stop came to a start that takes longer than its grace', async () => {
    const graceMs = desiredService('work').spec.stopGracePeriodMs
    const { clock, substrate, service, begin } = worldOf({
      behaviour: { beginsAfterMs: graceMs + second, stopsAfterMs: null },
    })
    const runner = await begin()
    const { id } = runner.run(service, null)
    await clock.pass(second / 2)
    runner.stop(id)
    await clock.pass(3 * graceMs)
    expect(substrate.running()).toEqual([])
    expect(runner.get(id).result).toBe('stopped')
  })
})
