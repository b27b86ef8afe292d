import { spawn } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../clock.js'
import type { InstanceReport } from './driver.js'
import { driverContract, startOrder, until, type ProgramKind } from './driver.suite.js'
import { ProcessDriver, type ProcessDriverOptions } from './process-driver.js'
import { CgroupTree, noCgroups, removeCgroups } from './process/cgroup.js'
import { InstanceRecords, type InstanceRecord } from './process/instance-records.js'
import { launch } from './process/launcher.js'
import { systemProcessTable } from './process/process-table.js'

const table = systemProcessTable()
const isLinux = process.platform === 'linux'
const pass = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 15))

let probe = 0
/** Whether this host lets us limit so; a test that needs it is left out otherwise, and named as skipped. */
const hostCgroups = ((): { memory: boolean; cpu: boolean; tracking: boolean } => {
  const tree = new CgroupTree({ name: `pando-probe-${process.pid}` })
  const { cgroups, notes } = tree.prepare(`probe-${(probe += 1)}`, { memoryBytes: 1 << 26, cpus: 1 })
  removeCgroups(cgroups)
  tree.close()
  return {
    memory: cgroups.memory !== null,
    cpu: !notes.some((note) => note.includes('CPU')),
    tracking: cgroups.tracking !== null,
  }
})()

let stateDir: string
let drivers: ProcessDriver[]

beforeEach(() => {
  stateDir = realpathSync(mkdtempSync(join(tmpdir(), 'pando-driver-')))
  drivers = []
})

afterEach(dispose)

function open(options: Partial<ProcessDriverOptions> = {}): ProcessDriver {
  const driver = new ProcessDriver({ stateDir, clock: systemClock, ...options })
  drivers.push(driver)
  return driver
}

async function dispose(): Promise<void> {
  for (const driver of drivers) await driver.close()
  const last = new ProcessDriver({ stateDir, clock: systemClock })
  for (const { id } of await last.list()) await last.kill(id)
  await until(pass, async () => (await last.list()).every(({ state }) => state.kind === 'exited'))
  await last.close()
  rmSync(stateDir, { recursive: true, force: true })
}

async function exitOf(driver: ProcessDriver, id: string): Promise<InstanceReport['state'] | undefined> {
  const report = async (): Promise<InstanceReport | undefined> => (await driver.list()).find((each) => each.id === id)
  await until(pass, async () => (await report())?.state.kind === 'exited')
  return (await report())?.state
}

function runs(pid: number): boolean {
  const entry = table.read(pid)
  return entry !== null && !entry.isDead
}

/** Pids that the program wrote, one a line, into a file of that name in its working directory. */
async function pidsIn(name: string, count: number): Promise<number[]> {
  const read = (): number[] => {
    try {
      return readFileSync(join(stateDir, name), 'utf8').split('\n').filter(Boolean).map(Number)
    } catch {
      return []
    }
  }
  await until(pass, () => read().length >= count)
  return read()
}

function order(id: string, command: string | readonly string[], spec: Parameters<typeof startOrder>[1] = {}) {
  return startOrder(id, {
    program: { command, workdir: stateDir, environment: {}, path: [] },
    environment: { PATH: '/usr/local/bin:/usr/bin:/bin', PANDO_APP: stateDir, PANDO_INSTANCE: id },
    ...spec,
  })
}

const contractPrograms: Record<ProgramKind, string[]> = {
  runs: ['sleep', '600'],
  'exits with 3': ['sh', '-c', 'exit 3'],
  'ignores the stop signal': ['sh', '-c', 'trap "" TERM; echo ready; sleep 600 & wait; sleep 600'],
}

driverContract('ProcessDriver', async () => ({
  open: () => open(),
  lose: (driver) => driver.close(),
  order: (id, program) => order(id, contractPrograms[program]),
  ready: (id) => until(pass, () => readFileSync(join(stateDir, 'logs/a', `${id}.log`), 'utf8').includes('ready')),
  pass,
  dispose: async () => {},
}))

describe('ProcessDriver whose folder has been taken away', () => {
  it('still tells of an exit', async () => {
    const driver = open()
    const { pid } = await driver.start(order('a-0', ['sleep', '600']))
    rmSync(join(stateDir, 'instances'), { recursive: true })
    process.kill(pid!, 'SIGKILL')
    expect(await exitOf(driver, 'a-0')).toMatchObject({ reason: { kind: 'signal', signal: 'SIGKILL' } })
    mkdirSync(join(stateDir, 'instances'))
  })
})

describe('ProcessDriver starts a program', () => {
  it('with exactly the environment that was ordered, and the build’s directories first in PATH', async () => {
    const driver = open()
    const base = order('a-0', ['env'])
    await driver.start({
      ...base,
      program: { ...base.program, environment: { FROM_BUILD: 'b', X: 'build' }, path: ['/opt/venv/bin'] },
      environment: {
        PATH: '/usr/bin:/bin',
        PANDO_INSTANCE: 'a-0',
        X: 'with spaces "and" $quotes',
        'with.dots': 'd',
        UID: '7',
      },
    })
    expect(await exitOf(driver, 'a-0')).toMatchObject({ reason: { kind: 'exit', code: 0 } })
    const lines = readFileSync(join(stateDir, 'logs/a/a-0.log'), 'utf8').trim().split('\n').sort()
    expect(lines).toEqual([
      'FROM_BUILD=b',
      'PANDO_INSTANCE=a-0',
      'PATH=/opt/venv/bin:/usr/bin:/bin',
      'UID=7',
      'X=with spaces "and" $quotes',
      'with.dots=d',
    ])
  })

  it('in its directory, with nothing to read, and both outputs in a log that only its owner reads', async () => {
    const driver = open()
    const report = await driver.start(order('a-0', 'pwd; cat; echo out; echo err >&2'))
    await exitOf(driver, 'a-0')
    expect(readFileSync(report.logFile, 'utf8')).toBe(`${stateDir}\nout\nerr\n`)
    expect(statSync(report.logFile).mode & 0o777).toBe(0o600)
    expect(statSync(join(stateDir, 'instances/a-0/record.json')).mode & 0o777).toBe(0o600)
  })

  it('in a session and process group of its own, as the very process that is reported', async () => {
    const { pid } = await open().start(order('a-0', 'sleep 600'))
    await until(pass, () => table.argumentsOf(pid ?? 0)[0]?.startsWith('sleep') === true)
    expect(table.read(pid ?? 0)).toMatchObject({ group: pid, session: pid })
  })

  it('and refuses a command that is not there, leaving nothing', async () => {
    const driver = open()
    await expect(driver.start(order('a-0', ['no-such-program', 'x']))).rejects.toMatchObject({
      code: 'tool_missing',
      message: expect.stringContaining('"no-such-program"'),
    })
    expect(await driver.list()).toEqual([])
    expect(readdirSync(join(stateDir, 'instances'))).toEqual([])
  })

  it('and refuses a working directory that is not there', async () => {
    const base = order('a-0', ['env'])
    const missing = { ...base, program: { ...base.program, workdir: join(stateDir, 'gone') } }
    await expect(open().start(missing)).rejects.toMatchObject({ code: 'build_failed' })
  })

  it('and explains a shell’s 127', async () => {
    const driver = open()
    await driver.start(order('a-0', 'no-such-program --port 1'))
    expect(await exitOf(driver, 'a-0')).toMatchObject({
      reason: { kind: 'start_failed', detail: expect.stringMatching(/not found \(exit code 127\).*no-such-program/) },
    })
  })

  it('and names who holds its port', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    try {
      const taken = open().start(order('a-0', ['env'], { address: { host: '127.0.0.1', port } }))
      const holder = isLinux ? `(pid ${process.pid})` : 'another program'
      await expect(taken).rejects.toMatchObject({ code: 'port_taken', message: expect.stringContaining(holder) })
    } finally {
      server.close()
    }
  })
})

describe('ProcessDriver ends a program', () => {
  const family =
    'echo $$ >> family; sh -c "echo \\$\\$ >> family; exec sleep 600" & setsid sh -c "echo \\$\\$ >> family; trap : TERM; while :; do sleep 1; done" & wait'

  it.skipIf(!isLinux)('with all it has spawned, other sessions too', async () => {
    const driver = open()
    await driver.start(order('a-0', ['sh', '-c', family]))
    const pids = await pidsIn('family', 3)
    await driver.kill('a-0')
    await exitOf(driver, 'a-0')
    expect(pids.filter(runs)).toEqual([])
  })

  it.skipIf(!isLinux)('with all it has spawned, other sessions too, where there are no control groups', async () => {
    const driver = open({ cgroups: null })
    await driver.start(order('a-0', ['sh', '-c', family]))
    const pids = await pidsIn('family', 3)
    await driver.kill('a-0')
    await exitOf(driver, 'a-0')
    expect(pids.filter(runs)).toEqual([])
  })

  it('by itself, and kills what it left behind', async () => {
    const driver = open()
    await driver.start(order('a-0', ['sh', '-c', 'sleep 600 & echo $! > left; exit 4']))
    const [left] = await pidsIn('left', 1)
    expect(await exitOf(driver, 'a-0')).toMatchObject({ reason: { kind: 'exit', code: 4 } })
    expect(runs(left)).toBe(false)
  })

  it('at once where what it left behind is kept, which ends when the instance is removed', async () => {
    const first = open({ isRestKept: true })
    await first.start(order('a-0', ['sh', '-c', 'sleep 600 & echo $! > left; exit 4']))
    const [left] = await pidsIn('left', 1)
    expect(await exitOf(first, 'a-0')).toMatchObject({ reason: { kind: 'exit', code: 4 } })
    expect(runs(left)).toBe(true)
    await first.close()
    const next = open({ isRestKept: true })
    expect(await exitOf(next, 'a-0')).toMatchObject({ reason: { kind: 'exit', code: 4 } })
    expect(runs(left)).toBe(true)
    await next.remove('a-0')
    await until(pass, () => !runs(left))
  })

  it('only once all of it has finished after a stop, so that a shell in front cuts nothing short', async () => {
    const driver = open()
    const program = 'trap "sleep 0.3; echo finished; exit 0" TERM; echo $$ > ready; while :; do sleep 0.05; done'
    await driver.start(order('a-0', `sh -c '${program}' ; true`))
    await pidsIn('ready', 1)
    await driver.stop('a-0')
    await exitOf(driver, 'a-0')
    expect(readFileSync(join(stateDir, 'logs/a/a-0.log'), 'utf8')).toContain('finished')
  })

  it('and tells a signal from an exit code', async () => {
    const driver = open()
    await driver.start(order('a-0', ['sh', '-c', 'kill -SEGV $$']))
    expect(await exitOf(driver, 'a-0')).toMatchObject({ reason: { kind: 'signal', signal: 'SIGSEGV' } })
  })

  it('and removes its control groups', async () => {
    const driver = open()
    await driver.start(order('a-0', ['sleep', '600'], { spec: { resources: { memoryBytes: 1 << 28, cpus: 1 } } }))
    const record = readRecord('a-0')
    await driver.kill('a-0')
    await exitOf(driver, 'a-0')
    await until(pass, () => record.cgroups.directories.every((each) => !statSync(each, { throwIfNoEntry: false })))
    expect(record.cgroups.directories.length).toBe(new Set(record.cgroups.directories).size)
  })
})

describe('ProcessDriver limits a program', () => {
  it.skipIf(!hostCgroups.memory)('to its memory, and says that it was out of it', async () => {
    const driver = open()
    const eat = ['sh', '-c', 'x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done']
    const report = await driver.start(order('a-0', eat, { spec: { resources: { memoryBytes: 1 << 25, cpus: null } } }))
    expect(report.notes).toEqual([])
    expect(await exitOf(driver, 'a-0')).toMatchObject({ reason: { kind: 'out_of_memory', limitBytes: 1 << 25 } })
  })

  it.skipIf(!hostCgroups.memory)('and knows of it after the control plane was away', async () => {
    const driver = open()
    const eat = ['sh', '-c', 'echo $$ > ready; sleep 0.2; x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done']
    await driver.start(order('a-0', eat, { spec: { resources: { memoryBytes: 1 << 25, cpus: null } } }))
    const [pid] = await pidsIn('ready', 1)
    await driver.close()
    await until(pass, () => !runs(pid))
    expect(await exitOf(open(), 'a-0')).toMatchObject({ reason: { kind: 'out_of_memory' } })
  })

  it.skipIf(!hostCgroups.cpu)('to its processors', async () => {
    const driver = open()
    await driver.start(order('a-0', 'sleep 600', { spec: { resources: { memoryBytes: null, cpus: 0.25 } } }))
    const quotas = readRecord('a-0').cgroups.directories.flatMap((directory) =>
      ['cpu.max', 'cpu.cfs_quota_us'].flatMap((file) => {
        try {
          return [readFileSync(join(directory, file), 'utf8').split(' ')[0]?.trim()]
        } catch {
          return []
        }
      }),
    )
    expect(quotas).toContain('25000')
  })

  it.skipIf(!hostCgroups.tracking)('and says so when it could not join its groups', async () => {
    const tree = new CgroupTree({ name: `pando-test-${process.pid}` })
    const driver = open({
      cgroups: Object.assign(Object.create(tree) as CgroupTree, {
        prepare: () => ({
          cgroups: { directories: [join(stateDir, 'gone')], tracking: join(stateDir, 'gone'), memory: null },
          notes: [],
        }),
        strays: () => [],
        close: () => {},
      }),
    })
    const report = await driver.start(order('a-0', ['sh', '-c', 'sleep 600 & echo $! > left; wait']))
    expect(report.notes).toEqual([expect.stringContaining('could not join')])
    const [left] = await pidsIn('left', 1)
    await driver.kill('a-0')
    await exitOf(driver, 'a-0')
    expect(runs(left)).toBe(false)
  })

  it('or says that it cannot', async () => {
    const report = await open({ cgroups: null }).start(
      order('a-0', 'sleep 600', { spec: { resources: { memoryBytes: 1 << 25, cpus: null } } }),
    )
    expect(report.notes).toEqual([expect.stringContaining('without its limits')])
    expect(report.state.kind).toBe('running')
  })
})

describe('ProcessDriver after a crash of the control plane', () => {
  it('never takes another process under the same pid for its own', async () => {
    const driver = open({ cgroups: null })
    const { pid } = await driver.start(order('a-0', ['sleep', '600'], { environment: { PATH: '/usr/bin:/bin' } }))
    await until(pass, () => table.argumentsOf(pid ?? 0)[0] === 'sleep')
    await driver.close()
    const record = readRecord('a-0')
    const claim = new InstanceRecords(join(stateDir, 'instances')).claimFile(record)
    const text = readFileSync(claim, 'utf8')
    const { start = '' } = table.read(pid ?? 0) ?? {}
    writeFileSync(claim, text.replace(` ${start} `, ` ${Number(start) - 1} `))
    try {
      const next = open({ cgroups: null })
      expect((await next.list())[0]?.state).toMatchObject({ kind: 'exited', reason: { kind: 'unknown' } })
      await next.kill('a-0')
      expect(runs(pid ?? 0)).toBe(true)
    } finally {
      process.kill(pid ?? 0, 'SIGKILL')
    }
  })

  it('takes what an earlier run of the machine recorded as ended', async () => {
    const records = new InstanceRecords(join(stateDir, 'instances'))
    const record = { ...recordOf('a-0', ['sleep', '600']), boot: 'another' }
    records.create(record)
    writeFileSync(records.claimFile(record), `${process.pid} (sh) S 1 1 1\n`)
    expect((await open().list())[0]?.state).toMatchObject({ kind: 'exited', reason: { kind: 'unknown' } })
  })

  it('knows nothing of a directory without a record', async () => {
    mkdirSync(join(stateDir, 'instances/a-0'), { recursive: true })
    writeFileSync(join(stateDir, 'instances/a-0/record.json.12'), '{"order"')
    expect(await open().list()).toEqual([])
    expect(readdirSync(join(stateDir, 'instances'))).toEqual([])
  })

  it('calls off a launch that comes after it looked', async () => {
    const records = new InstanceRecords(join(stateDir, 'instances'))
    const record = recordOf('a-0', ['sh', '-c', 'echo ran > ran'])
    records.create(record)
    expect(await open().list()).toEqual([])
    expect(await launchNow(records, record)).toBe(125)
    expect(readdirSync(stateDir)).not.toContain('ran')
  })

  it('calls off a launch whose record is still there', async () => {
    const records = new InstanceRecords(join(stateDir, 'instances'))
    const record = recordOf('a-0', ['sh', '-c', 'echo ran > ran'])
    records.create(record)
    expect(records.callOff(record)).toBe(true)
    expect(await launchNow(records, record)).toBe(125)
    expect(readdirSync(stateDir)).not.toContain('ran')
    expect(await open().list()).toEqual([])
  })

  it('drops a claim that its launcher never got to write', async () => {
    const records = new InstanceRecords(join(stateDir, 'instances'))
    const record = recordOf('a-0', ['sleep', '600'])
    records.create(record)
    writeFileSync(records.claimFile(record), '')
    expect(await open().list()).toEqual([])
  })

  it.skipIf(!isLinux)(
    'finds all that runs and nothing else, whenever it was killed',
    async () => {
      let found = 0
      for (let round = 0; round < 8; round += 1) {
        const mark = `PANDO_TEST=${stateDir}/${round}`
        const child = spawn(
          process.execPath,
          [fileURLToPath(new URL('starter.fixture.mjs', import.meta.url)), stateDir, mark],
          {
            stdio: ['ignore', 'pipe', 'inherit'],
          },
        )
        await new Promise((resolve) => child.stdout.once('data', resolve))
        await new Promise((resolve) => setTimeout(resolve, round * 5 + Math.random() * 10))
        const ended = new Promise((resolve) => child.once('exit', resolve))
        child.kill('SIGKILL')
        await ended
        const driver = open()
        const listed = async (): Promise<number[]> =>
          (await driver.list())
            .flatMap(({ state, pid }) => (state.kind === 'running' && pid !== null ? [pid] : []))
            .sort()
        const running = (): number[] =>
          table
            .all()
            .filter(({ pid, isDead }) => !isDead && pid !== child.pid && table.environmentOf(pid).includes(mark))
            .map(({ pid }) => pid)
        // What was being stopped, or called off before it began, takes a moment to end.
        await until(pass, async () => String(await listed()) === String(running().sort()))
        found += running().length
        // And nothing begins any more.
        for (let i = 0; i < 3; i += 1) await pass()
        expect(running().sort()).toEqual(await listed())
        for (const { id } of await driver.list()) await driver.kill(id)
        for (const { id } of await driver.list()) {
          await exitOf(driver, id)
          await driver.remove(id)
        }
        expect(running()).toEqual([])
        await driver.close()
      }
      expect(found).toBeGreaterThan(0)
    },
    60_000,
  )
})

describe('ProcessDriver beside a running instance', () => {
  it('runs a command in its environment and directory', async () => {
    const driver = open()
    const environment = { PATH: '/usr/bin:/bin', SECRET: 'known' }
    await driver.start(order('a-0', 'sleep 600', { environment }))
    const result = await driver.run('a-0', 'echo $SECRET; pwd; exit 7', 10_000)
    expect(result).toEqual({ exitCode: 7, output: `known\n${stateDir}\n` })
  })

  it('kills a command that takes too long', async () => {
    const driver = open()
    await driver.start(order('a-0', 'sleep 600'))
    const slow = driver.run('a-0', 'echo $$ > slow; sleep 600; true', 300)
    await expect(slow).rejects.toMatchObject({ code: 'timeout' })
    const [pid] = await pidsIn('slow', 1)
    await until(pass, () => !runs(pid))
  })

  it('runs no command where nothing runs', async () => {
    await expect(open().run('nobody', 'true', 1000)).rejects.toMatchObject({ code: 'not_found' })
  })

  it('adds up the memory and CPU time of all its processes', async () => {
    const driver = open()
    await driver.start(
      order('a-0', ['sh', '-c', 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo $$ > done; sleep 600']),
    )
    await pidsIn('done', 1)
    const usage = await driver.usage('a-0')
    expect(usage?.cpuSeconds).toBeGreaterThan(0.02)
    expect(usage?.memoryBytes).toBeGreaterThan(200_000)
    expect(await driver.usage('nobody')).toBeNull()
  })
})

function readRecord(id: string): InstanceRecord {
  return JSON.parse(readFileSync(join(stateDir, 'instances', id, 'record.json'), 'utf8')) as InstanceRecord
}

function recordOf(id: string, command: string[]): InstanceRecord {
  return {
    order: order(id, command),
    startedAt: 0,
    boot: table.boot,
    nonce: InstanceRecords.nonce(),
    cgroups: noCgroups,
    logFile: join(stateDir, 'logs/a', `${id}.log`),
    notes: [],
  }
}

function launchNow(records: InstanceRecords, record: InstanceRecord): Promise<number | null> {
  const { file, args } = launch({
    claim: records.claimFile(record),
    joins: [],
    environment: record.order.environment,
    command: record.order.program.command,
  })
  const child = spawn(file, args, { cwd: stateDir, env: record.order.environment, stdio: 'ignore' })
  return new Promise((resolve) => child.once('exit', resolve))
}
