import { existsSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { systemClock } from '../clock.js'
import { driverContract, startOrder, until, type DriverWorld, type ProgramKind } from './driver.suite.js'
import { ExitKeeper } from './exit-keeper.js'
import { ProcessDriver } from './process-driver.js'

const pass = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 15))
const programs: Record<ProgramKind, string[]> = {
  runs: ['sleep', '600'],
  'exits with 3': ['sh', '-c', 'exit 3'],
  'ignores the stop signal': ['sh', '-c', 'trap "" TERM; echo ready; sleep 600 & wait; sleep 600'],
}

interface World extends DriverWorld {
  readonly folder: string
  open(): ExitKeeper
}

function worldOf(): World {
  const stateDir = realpathSync(mkdtempSync(join(tmpdir(), 'pando-exits-')))
  const folder = join(stateDir, 'exits')
  const drivers: ExitKeeper[] = []
  const open = (): ExitKeeper => {
    const keeper = new ExitKeeper({
      driver: new ProcessDriver({ stateDir, clock: systemClock }),
      folder,
      clock: systemClock,
    })
    drivers.push(keeper)
    return keeper
  }
  return {
    folder,
    open,
    remembersExits: true,
    lose: (driver) => driver.close(),
    order: (id, program) =>
      startOrder(id, {
        isExitKept: true,
        program: { command: programs[program], workdir: stateDir, environment: {}, path: [] },
        environment: { PATH: '/usr/local/bin:/usr/bin:/bin', PANDO_APP: stateDir, PANDO_INSTANCE: id },
      }),
    ready: (id) => until(pass, () => readFileSync(join(stateDir, 'logs/a', `${id}.log`), 'utf8').includes('ready')),
    pass,
    dispose: async () => {
      for (const driver of drivers) await driver.close()
      const last = open()
      for (const { id } of await last.list()) await last.kill(id)
      await until(pass, async () => (await last.list()).every(({ state }) => state.kind === 'exited'))
      await last.close()
      rmSync(stateDir, { recursive: true, force: true })
    },
  }
}

driverContract('ExitKeeper over processes', async () => worldOf())

it('knows what a program ended with while nobody watched, and forgets it with the instance', async () => {
  const world = worldOf()
  try {
    const first = world.open()
    const order = (id: string, isExitKept: boolean) => ({
      ...world.order(id, 'runs'),
      isExitKept,
      program: { ...world.order(id, 'runs').program, command: 'sleep 0.2; exit 0' },
    })
    await first.start(order('kept-0', true))
    await first.start(order('plain-0', false))
    await first.close()
    await until(pass, () => existsSync(join(world.folder, 'kept-0')))
    const next = world.open()
    const reasons = async (): Promise<Record<string, string>> => {
      const ended = (await next.list()).flatMap(({ id, state }) =>
        state.kind === 'exited' ? [[id, state.reason]] : [],
      )
      return Object.fromEntries(ended) as Record<string, string>
    }
    await until(pass, async () => Object.keys(await reasons()).length === 2)
    expect(await reasons()).toEqual({ 'kept-0': { kind: 'exit', code: 0 }, 'plain-0': { kind: 'unknown' } })
    await next.remove('kept-0')
    expect(readdirSync(world.folder)).toEqual([])
  } finally {
    await world.dispose()
  }
})
