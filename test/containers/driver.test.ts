import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ContainerSpec } from '@pando/model'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../packages/control-plane/src/clock.js'
import { ContainerDriver } from '../../packages/control-plane/src/drivers/container-driver.js'
import type { InstanceReport, StartOrder } from '../../packages/control-plane/src/drivers/driver.js'
import {
  driverContract,
  startOrder,
  until,
  type ProgramKind,
} from '../../packages/control-plane/src/drivers/driver.suite.js'
import { ContainerEngine } from '../support/container-engine.js'
import { engineKinds, type EngineKind } from '../support/engine-kinds.js'
import { freePorts } from '../support/free-ports.js'

let engine: ContainerEngine
let stateDir: string
let drivers: ContainerDriver[] = []

const pass = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 30))
const strict: ContainerSpec = {
  image: 'busybox',
  mounts: [],
  secrets: [],
  security: { isRootReadOnly: true, capAdd: [], user: null, pidsLimit: 256 },
}

function open(): ContainerDriver {
  const environment = { DOCKER_HOST: engine.host }
  const driver = new ContainerDriver({ stateDir, clock: systemClock, environment, meshNames: () => ['orders'] })
  drivers.push(driver)
  return driver
}

async function dispose(): Promise<void> {
  for (const driver of drivers.splice(0)) await driver.close()
  const last = new ContainerDriver({
    stateDir,
    clock: systemClock,
    environment: { DOCKER_HOST: engine.host },
    meshNames: () => [],
  })
  for (const { id } of await last.list()) await last.kill(id)
  await until(pass, async () => (await last.list()).every(({ state }) => state.kind === 'exited'))
  for (const { id } of await last.list()) await last.remove(id)
  await last.removeNetwork()
  await last.close()
}

function order(
  id: string,
  command: string | readonly string[],
  changes: Parameters<typeof startOrder>[1] & { container?: Partial<ContainerSpec> } = {},
): StartOrder {
  const { container, spec, ...rest } = changes
  return startOrder(id, {
    program: { command, workdir: '', environment: {}, path: [], image: 'busybox' },
    environment: { PANDO_INSTANCE: id, PANDO_APP: 'test' },
    ...rest,
    spec: { ...spec, container: { ...strict, ...container } },
  })
}

const logOf = (id: string): string => readFileSync(join(stateDir, 'logs/a', `${id}.log`), 'utf8')

async function exitOf(driver: ContainerDriver, id: string): Promise<InstanceReport['state'] | undefined> {
  const report = async (): Promise<InstanceReport | undefined> => (await driver.list()).find((each) => each.id === id)
  await until(pass, async () => (await report())?.state.kind === 'exited')
  return (await report())?.state
}

async function outputOf(driver: ContainerDriver, id: string): Promise<string> {
  await exitOf(driver, id)
  await driver.remove(id)
  return logOf(id)
}

const programs: Record<ProgramKind, string[]> = {
  runs: ['sleep', '600'],
  'exits with 3': ['sh', '-c', 'exit 3'],
  'ignores the stop signal': ['sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 1; done'],
}

function containersOf(kind: EngineKind): void {
  beforeAll(async () => {
    engine = await ContainerEngine.start({ kind })
    await engine.importBusybox()
  }, 240_000)

  afterAll(() => engine?.stop(), 60_000)

  beforeEach(() => {
    stateDir = realpathSync(mkdtempSync(join(tmpdir(), 'pando-containers-')))
  })

  afterEach(async () => {
    await dispose()
    rmSync(stateDir, { recursive: true, force: true })
  })

  driverContract('ContainerDriver', async () => ({
    open,
    lose: (driver) => driver.close(),
    order: (id, program) => order(id, programs[program]),
    ready: (id) => until(pass, () => logOf(id).includes('ready')),
    pass,
    dispose: async () => {},
    remembersExits: true,
  }))

  describe('a container by default', () => {
    it('writes nowhere but /tmp, has no capability, gains no privilege, and has its limits', async () => {
      const driver = open()
      const script = [
        'touch /file 2>/dev/null && echo root written',
        'touch /tmp/file && echo tmp written',
        'grep -E "^(CapEff|CapBnd|NoNewPrivs)" /proc/self/status',
        'echo first is $(cat /proc/1/comm)',
        'exit 0',
      ].join('; ')
      await driver.start(order('a-0', script, { spec: { resources: { memoryBytes: 1 << 26, cpus: 0.5 } } }))
      type Inspected = { HostConfig: { PidsLimit: number; Memory: number; NanoCpus: number; Privileged: boolean } }
      const [{ Id }] = await engine.containers<{ Id: string }>()
      const { HostConfig } = await engine.json<Inspected>('GET', `/containers/${Id}/json`)
      expect(HostConfig).toMatchObject({ PidsLimit: 256, Memory: 1 << 26, NanoCpus: 5e8, Privileged: false })
      const lines = (await outputOf(driver, 'a-0')).split('\n')
      expect(lines).not.toContain('root written')
      expect(lines).toContain('tmp written')
      expect(lines).toContain('CapEff:\t0000000000000000')
      expect(lines).toContain('CapBnd:\t0000000000000000')
      expect(lines).toContain('NoNewPrivs:\t1')
      expect(lines).toContain(`first is ${kind.init}`)
    })

    it('can be given back what it needs', async () => {
      const driver = open()
      const security = { isRootReadOnly: false, capAdd: ['CHOWN'], user: '65534:65534', pidsLimit: 64 }
      const script = 'id -u; grep CapBnd /proc/self/status; touch /tmp/x && echo written'
      await driver.start(order('a-0', script, { container: { security } }))
      const lines = (await outputOf(driver, 'a-0')).split('\n')
      expect(lines).toContain('65534')
      expect(lines).toContain('CapBnd:\t0000000000000001')
      expect(lines).toContain('written')
    })

    it('is told what the manifest says of its kernel, its hosts and its entry point', async () => {
      const driver = open()
      const extras = {
        entrypoint: ['sh', '-c'],
        hasInit: false,
        extraHosts: { db: '192.0.2.1' },
        labels: { team: 'orders' },
        shmBytes: 1 << 20,
        ulimits: [{ name: 'nofile', soft: 100, hard: 200 }],
        sysctls: { 'net.ipv4.ip_unprivileged_port_start': '0' },
        dns: ['192.0.2.53'],
      }
      const script =
        'echo first is $(cat /proc/1/comm); ulimit -n; grep -w db /etc/hosts; df -k /dev/shm | tail -1; cat /proc/sys/net/ipv4/ip_unprivileged_port_start'
      await driver.start(order('a-0', [script], { container: { extras } }))
      const [{ Labels }] = await engine.containers<{ Labels: Record<string, string> }>()
      expect(Labels).toMatchObject({ team: 'orders', 'pando.instance': 'a-0' })
      const lines = (await outputOf(driver, 'a-0')).trim().split('\n')
      expect(lines).toEqual(['first is sh', '100', '192.0.2.1\tdb', expect.stringMatching(/^shm\s+1024 /), '0'])
    })

    it('reads its secrets and mounts, and cannot write them', async () => {
      const driver = open()
      writeFileSync(join(stateDir, 'token'), 'hush\n', { mode: 0o600 })
      const secrets = [{ name: 'token', file: join(stateDir, 'token'), target: '/run/secrets/token' }]
      const mounts = [{ kind: 'bind', source: stateDir, target: '/data', isReadOnly: true }] as const
      const script =
        'cat /run/secrets/token; ls -l /run/secrets/token; touch /data/x || echo kept; echo > /run/secrets/token || echo kept too'
      const security = { ...strict.security, user: '65534' }
      await driver.start(order('a-0', script, { container: { secrets, mounts, security } }))
      const text = await outputOf(driver, 'a-0')
      // Complaints are of another stream: where they stand between these lines is the engine's choice.
      expect(text).toMatch(/^hush$/m)
      expect(text).toMatch(/^-r--r--r--/m)
      expect(text.match(/^kept$/gm)).toHaveLength(1)
      expect(text).toContain('kept\n')
      expect(text).toContain('kept too')
    })

    it('says that it was out of memory, where the engine tells', async () => {
      const driver = open()
      const eat = 'x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done'
      await driver.start(order('a-0', ['sh', '-c', eat], { spec: { resources: { memoryBytes: 1 << 25, cpus: null } } }))
      const told = { kind: 'out_of_memory', limitBytes: 1 << 25 }
      const reason = kind.tellsOutOfMemory ? told : { kind: 'signal', signal: 'SIGKILL' }
      expect(await exitOf(driver, 'a-0')).toMatchObject({ reason })
    })

    it('has failed to start when its program is not in the image', async () => {
      const driver = open()
      await driver.start(order('a-0', ['no-such-program']))
      const detail = expect.stringContaining('not found')
      expect(await exitOf(driver, 'a-0')).toMatchObject({ reason: { kind: 'start_failed', detail } })
    })

    it('is refused when its image is gone, and leaves nothing', async () => {
      const driver = open()
      const base = order('a-0', ['sleep', '600'])
      const gone = { ...base, program: { ...base.program, image: 'no-such-image' } }
      await expect(driver.start(gone)).rejects.toMatchObject({ code: 'build_failed' })
      expect(await driver.list()).toEqual([])
      expect(await engine.containers()).toEqual([])
    })

    it('is reached on loopback at the port that it was given', async () => {
      const driver = open()
      const [port = 0] = await freePorts(1)
      const address = { host: '127.0.0.1', port }
      const serve = ['httpd', '-f', '-p', String(port), '-h', '/etc']
      await driver.start(order('a-0', serve, { address }))
      await until(pass, () =>
        // The engine's proxy takes a connection before the program is there, and may keep it.
        fetch(`http://127.0.0.1:${port}/passwd`, { signal: AbortSignal.timeout(3000) }).then(
          (answer) => answer.ok,
          () => false,
        ),
      )
      expect(await driver.usage('a-0')).toMatchObject({ memoryBytes: expect.any(Number) })
      const { exitCode, output } = await driver.run(
        'a-0',
        'echo $PANDO_INSTANCE; grep orders /etc/hosts; exit 4',
        10_000,
      )
      expect(exitCode).toBe(4)
      const { gateway } = await driver.network('test')
      expect(output).toMatch(new RegExp(`^a-0\\n${gateway}\\s+orders\\n`))
    })
  })

  it('kills a command that does not end in time, and all that it has started', async () => {
    const driver = open()
    await driver.start(order('a-0', ['sleep', '600']))
    const hung = driver.run('a-0', 'sleep 543 & sleep 543', 500)
    await expect(hung).rejects.toMatchObject({ code: 'timeout' })
    const left = async (): Promise<string> => (await driver.run('a-0', 'ps -o args', 10_000)).output
    await until(pass, async () => !(await left()).includes('sleep 543'))
    expect(await left()).toContain('sleep 600')
  })

  describe('the log of a container', () => {
    it('has every line once, though the control plane died again and again', async () => {
      const script =
        'i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); [ $((i % 100)) = 0 ] && sleep 0.05; done; sleep 600'
      await open().start(order('a-0', script))
      for (let round = 0; round < 6; round += 1) {
        const before = logOf('a-0').length
        await until(pass, () => logOf('a-0').length > before || logOf('a-0').includes('line 2999'))
        await drivers.at(-1)?.close()
        await open().list()
      }
      await until(pass, () => logOf('a-0').includes('line 2999\n'))
      expect(logOf('a-0').trimEnd().split('\n')).toEqual(Array.from({ length: 3000 }, (_, i) => `line ${i}`))
    })

    it('has the last words of one that ended while nobody was there', async () => {
      await open().start(order('a-0', 'sleep 0.5; echo last words; exit 5'))
      await drivers.at(-1)?.close()
      const next = open()
      expect(await exitOf(next, 'a-0')).toMatchObject({ reason: { kind: 'exit', code: 5 } })
      await next.remove('a-0')
      expect(logOf('a-0')).toBe('last words\n')
    })
  })

  it('cannot be reached from another app’s network', async () => {
    const driver = open()
    await driver.start(order('a-0', ['httpd', '-f', '-p', '8000', '-h', '/etc']))
    type Listed = { NetworkSettings: { Networks: Record<string, { IPAddress: string }> } }
    const [one] = await engine.containers<Listed>()
    const ip = Object.values(one.NetworkSettings.Networks)[0]?.IPAddress ?? ''
    const ask = `echo GET /passwd | nc -w 2 ${ip} 8000 || echo unreachable`
    await driver.start(order('a-1', ask))
    expect(await outputOf(driver, 'a-1')).toContain('HTTP/1.1')
    const mine = stateDir
    stateDir = realpathSync(mkdtempSync(join(tmpdir(), 'pando-other-')))
    const stranger = open()
    await stranger.start(order('a-0', ask))
    expect(await outputOf(stranger, 'a-0')).toContain('unreachable')
    await stranger.removeNetwork()
    rmSync(stateDir, { recursive: true, force: true })
    stateDir = mine
  })
}

for (const kind of engineKinds) {
  describe.skipIf(!kind.isHere)(`containers of ${kind.name}`, () => {
    containersOf(kind)
  })
}
