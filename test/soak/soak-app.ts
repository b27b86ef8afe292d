import { cpSync, mkdirSync, readFileSync, writeFileSync, existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ControlClient } from '@pando/control-plane/client'
import type { ServiceStatus } from '@pando/model'
import { Daemon } from '../../packages/cli/src/daemon/daemon.js'
import { until } from '../support/condition.js'
import { isAlive } from '../support/processes.js'
import { TemporaryApp, type CommandResult } from '../support/temporary-app.js'

const programs = resolve(dirname(fileURLToPath(import.meta.url)), '../support/programs')
const webSocketPackage = dirname(createRequire(import.meta.url).resolve('ws/package.json'))

export const replicas = 3
/** A drain with a WebSocket in it takes all of this. */
const drainTimeout = '1s'
export const rollbackWithinMs = 60_000

export interface Version {
  readonly name: string
  /** What its one source file says. */
  readonly source: string
  readonly bad?: 'crash' | 'crash-later' | 'unhealthy' | '500'
  readonly rollout?: string
}

const processStart = (folder: string): string =>
  `\n    build: { context: ./${folder}, command: node build.mjs }\n    command: exec node soak.mjs`

const peer = `
  peer:${processStart('peer')}
    healthcheck: { http: /healthz, interval: 500ms }
    replicas: 2
    environment: { VERSION: peer, SOURCE: none }`

const recipe = `FROM node
WORKDIR /app
COPY . .
RUN ["/bin/node", "build.mjs"]
CMD ["/bin/node", "soak.mjs"]
`

/** `mixed`: the service in containers, and a peer of it as processes. */
export type SoakDriver = 'process' | 'container' | 'mixed'

/** The app under test: one service of three instances, and what is done to it. */
export class SoakApp {
  readonly app: TemporaryApp
  readonly control: ControlClient
  /** What the last `pando up` said; none waits for the end of its rollout. */
  lastDeploy: CommandResult | null = null
  /** Whether there is a second service that the first calls, and that calls it back. */
  readonly hasPeer: boolean
  readonly #isProcess: boolean
  readonly #daemon: Daemon

  static async create(driver: SoakDriver, engineHost: string | null): Promise<SoakApp> {
    const app = await TemporaryApp.create('  none: { command: "true" }')
    if (engineHost !== null) app.environment['DOCKER_HOST'] = engineHost
    mkdirSync(app.file('out'))
    cpSync(join(programs, 'soak.mjs'), app.file('soak/soak.mjs'))
    cpSync(join(programs, 'soak-build.mjs'), app.file('soak/build.mjs'))
    for (const part of ['package.json', 'index.js', 'wrapper.mjs', 'lib'])
      cpSync(join(webSocketPackage, part), app.file(`soak/ws/${part}`), { recursive: true })
    writeFileSync(app.file('soak/source'), 'none')
    cpSync(app.file('soak'), app.file('peer'), { recursive: true })
    if (driver !== 'process') writeFileSync(app.file('soak/Dockerfile'), recipe)
    return new SoakApp(app, driver)
  }

  private constructor(app: TemporaryApp, driver: SoakDriver) {
    this.app = app
    this.hasPeer = driver === 'mixed'
    this.#isProcess = driver === 'process'
    this.#daemon = new Daemon({ stateDir: app.stateDir, env: { ...process.env, ...app.environment } })
    this.control = this.#daemon.control()
  }

  /** Writes the manifest of this version and applies it, as a person does; waits for no more than that. */
  async deploy(version: Version): Promise<void> {
    this.write(version)
    this.lastDeploy = await this.app.run('up', '-d', '--timeout', '1s')
  }

  write({ name, source, bad, rollout = '{ min_healthy_time: 300ms }' }: Version): void {
    writeFileSync(this.app.file('soak/source'), source)
    const isProcess = this.#isProcess
    const start = isProcess
      ? processStart('soak')
      : '\n    build: { context: ./soak, kind: dockerfile }\n    volumes: [./out:/out]'
    const out = isProcess ? this.app.file('out') : '/out'
    const text = `
  work:${start}
    healthcheck: { http: /healthz, interval: 500ms }
    replicas: ${replicas}
    drain_timeout: ${drainTimeout}
    rollout: ${rollout}
    environment: { VERSION: ${name}, SOURCE: ${source}, OUT: ${out}${bad === undefined ? '' : `, BAD: "${bad}"`} }
    routes: [/work]`
    this.app.writeManifest(`${text}${this.hasPeer ? peer : ''}`, { gateway: '  workers: 2' })
  }

  service(name = 'work'): Promise<ServiceStatus> {
    return this.control.service(name)
  }

  when(what: string, is: (now: ServiceStatus) => boolean, timeoutMs = 70_000): Promise<ServiceStatus> {
    return until(
      what,
      async () => {
        const now = await this.service()
        return is(now) && now
      },
      { timeoutMs, everyMs: 50 },
    )
  }

  /** Everything runs one revision, is well, and nothing else is left. */
  settled(what: string, is: (now: ServiceStatus) => boolean = () => true, timeoutMs = 90_000): Promise<ServiceStatus> {
    return this.when(what, (now) => isSettled(now) && is(now), timeoutMs)
  }

  /** An instance of the peer was killed: resolves when another one serves in its place. */
  async replaced(victim: string): Promise<void> {
    await until(
      'the killed peer is replaced',
      async () => {
        const { state, instances } = await this.service('peer')
        return state === 'ready' && instances.every(({ id, phase }) => id !== victim && phase === 'healthy')
      },
      { timeoutMs: 70_000, everyMs: 50 },
    )
  }

  /** Kills the control plane; resolves when it is gone. */
  async killPlane(): Promise<void> {
    const { pid } = await this.control.status()
    process.kill(pid, 'SIGKILL')
    await until('the control plane is gone', () => !isAlive(pid))
  }

  /** Starts the control plane as it was, and applies nothing. */
  startPlane(): Promise<void> {
    return this.#daemon.start()
  }

  /** What the service has written down, in order: the numbers that it took, its instances that ended by themselves under load. */
  taken(file: 'processed' | 'messages' | 'deaths'): string[] {
    const path = this.app.file(`out/${file}`)
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []
  }
}

export function isSettled({ instances, revision, rollout }: ServiceStatus): boolean {
  const isOne = instances.every((one) => one.revision === revision && one.phase === 'healthy')
  return rollout?.state === 'succeeded' && rollout.to === revision && instances.length === replicas && isOne
}
