import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ControlClient } from '@pando/control-plane/client'
import type { ServiceStatus } from '@pando/model'
import { Daemon } from '../../packages/cli/src/daemon/daemon.js'
import { until } from '../support/condition.js'
import { isAlive } from '../support/processes.js'
import { TemporaryApp, type CommandResult } from '../support/temporary-app.js'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
const packages = join(root, 'node_modules')

/** What is deployed, killed and broken: one of HTTP and WebSocket, one of gRPC, of one source. */
export const services = ['work', 'calls'] as const
export type SoakService = (typeof services)[number]
export const replicas = 3
/** A drain with a WebSocket or a stream in it takes all of this. */
const drainTimeout = '1s'
export const rollbackWithinMs = 60_000

export interface Version {
  readonly name: string
  /** What its one source file says. */
  readonly source: string
  readonly bad?: 'crash' | 'crash-later' | 'unhealthy' | '500'
  readonly rollout?: string
}

const processStart = (folder: string, program: string): string =>
  `\n    build: { context: ./${folder}, command: node build.mjs }\n    command: exec node ${program}.mjs`

const containerStart = (program: string): string =>
  `\n    build: { context: ./soak, kind: dockerfile }\n    command: [/bin/node, ${program}.mjs]` +
  `\n    volumes: [./out:/out, '${packages}:/app/node_modules:ro']`

const calls = '/pando.soak.Numbers'
/** How each service is asked. Calls of Look may be made twice. */
const network: Readonly<Record<SoakService, string>> = {
  work: `
    healthcheck: { http: /healthz, interval: 500ms }
    routes: [/work]`,
  calls: `
    protocol: grpc
    healthcheck: { grpc: true, interval: 500ms }
    routes: [${calls}, { path: ${calls}/Look, retry: { idempotent: true } }]`,
}

const peer = `
  peer:${processStart('peer', 'work')}
    healthcheck: { http: /healthz, interval: 500ms }
    replicas: 2
    environment: { VERSION: peer, SOURCE: none }`

const recipe = `FROM node
WORKDIR /app
COPY . .
RUN ["/bin/node", "build.mjs"]
`

/** `mixed`: the services in containers, and a peer of the first as processes. */
export type SoakDriver = 'process' | 'container' | 'mixed'

/** The app under test: two services of three instances each, and what is done to them. */
export class SoakApp {
  readonly app: TemporaryApp
  readonly control: ControlClient
  /** What the last `pando up` said; none waits for the end of its rollout. */
  lastDeploy: CommandResult | null = null
  /** Whether there is a further service that the first calls, and that calls it back. */
  readonly hasPeer: boolean
  readonly #isProcess: boolean
  readonly #daemon: Daemon

  static async create(driver: SoakDriver, engineHost: string | null): Promise<SoakApp> {
    const app = await TemporaryApp.create('  none: { command: "true" }')
    if (engineHost !== null) app.environment['DOCKER_HOST'] = engineHost
    mkdirSync(app.file('out'))
    symlinkSync(packages, app.file('node_modules'))
    cpSync(join(root, 'test/support/programs/soak'), app.file('soak'), { recursive: true })
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
    const out = isProcess ? this.app.file('out') : '/out'
    const texts = services.map(
      (service) => `
  ${service}:${isProcess ? processStart('soak', service) : containerStart(service)}${network[service]}
    replicas: ${replicas}
    drain_timeout: ${drainTimeout}
    rollout: ${rollout}
    environment: { VERSION: ${name}, SOURCE: ${source}, OUT: ${out}${bad === undefined ? '' : `, BAD: "${bad}"`} }`,
    )
    this.app.writeManifest(`${texts.join('')}${this.hasPeer ? peer : ''}`, { gateway: '  workers: 2' })
  }

  service(name: SoakService | 'peer'): Promise<ServiceStatus> {
    return this.control.service(name)
  }

  /** Both services, in their order. */
  both(): Promise<ServiceStatus[]> {
    return this.each((name) => this.service(name))
  }

  each<T>(what: (service: SoakService) => Promise<T>): Promise<T[]> {
    return Promise.all(services.map(what))
  }

  /** It is so of this service. */
  whenOne(
    service: SoakService,
    what: string,
    is: (now: ServiceStatus) => boolean,
    timeoutMs = 70_000,
  ): Promise<ServiceStatus> {
    return until(
      `${service}: ${what}`,
      async () => {
        const now = await this.service(service)
        return is(now) && now
      },
      { timeoutMs, everyMs: 50 },
    )
  }

  /** It is so, or was a moment ago, of both services. */
  when(what: string, is: (now: ServiceStatus) => boolean, timeoutMs?: number): Promise<ServiceStatus[]> {
    return this.each((service) => this.whenOne(service, what, is, timeoutMs))
  }

  /** Everything runs one revision, is well, and nothing else is left. */
  settled(
    what: string,
    is: (now: ServiceStatus) => boolean = () => true,
    timeoutMs = 90_000,
  ): Promise<ServiceStatus[]> {
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

  /** What the services have written down, in order: the numbers that they took, their instances that ended by themselves under load. */
  taken(file: 'processed' | 'messages' | 'deaths'): string[] {
    const path = this.app.file(`out/${file}`)
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []
  }
}

export function isSettled({ instances, revision, rollout }: ServiceStatus): boolean {
  const isOne = instances.every((one) => one.revision === revision && one.phase === 'healthy')
  return rollout?.state === 'succeeded' && rollout.to === revision && instances.length === replicas && isOne
}
