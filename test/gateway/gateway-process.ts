import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { get, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Address, Endpoint, GatewayConfig, Listener, RoutingTable } from '@pando/model'

const main = fileURLToPath(new URL('../../packages/gateway/dist/main.js', import.meta.url))

/** What `GET /ready` of the admin socket says. */
export interface Readiness {
  readonly ready: boolean
  readonly pids: readonly number[]
  readonly listeners: Readonly<Record<string, Address>>
  /** By worker. */
  readonly connections: Readonly<Record<string, number>>
  readonly applied?: number
  readonly epoch?: string
  readonly listenerErrors?: Readonly<Record<string, string>>
}

/** A real gateway: a primary and its workers, started from what is built. `stop` leaves neither process nor file. */
export class GatewayProcess {
  readonly stateDir: string
  readonly child: ChildProcess
  /** Its own end; workers may outlive it. */
  readonly exited: Promise<{ code: number | null; signal: string | null }>
  /** The end of all that writes to its output: its own and its workers'. */
  readonly closed: Promise<void>
  output = ''

  constructor(options: { args: readonly string[]; stateDir: string }) {
    this.stateDir = options.stateDir
    this.child = spawn(process.execPath, [main, '--state-dir', options.stateDir, ...options.args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.output += text))
    this.exited = new Promise((resolve) => {
      this.child.on('exit', (code, signal) => resolve({ code, signal }))
    })
    this.closed = new Promise((resolve) => {
      this.child.on('close', () => resolve())
    })
  }

  get pid(): number {
    return this.child.pid as number
  }

  ready(): Promise<Readiness | null> {
    return this.#admin<Readiness>('/ready')
  }

  /** Resolves with the first answer of `/ready` that is as wished. */
  async until(isWished: (readiness: Readiness) => boolean = ({ ready }) => ready): Promise<Readiness> {
    for (;;) {
      if (this.child.exitCode !== null) throw new Error(`the gateway has ended:\n${this.output}`)
      const readiness = await this.ready()
      if (readiness !== null && isWished(readiness)) return readiness
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  async metrics(): Promise<string> {
    return (await read(join(this.stateDir, 'gateway.sock'), '/metrics')) ?? ''
  }

  /** Ends it whatever state it is in. */
  async stop(): Promise<void> {
    const pids = (await this.ready())?.pids ?? []
    this.child.kill('SIGKILL')
    await this.exited
    for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  }

  async #admin<Answer>(path: string): Promise<Answer | null> {
    const body = await read(join(this.stateDir, 'gateway.sock'), path)
    return body === null ? null : (JSON.parse(body) as Answer)
  }
}

/** A folder for a gateway's state, with what a test needs around it. */
export class Sandbox {
  readonly folder = mkdtempSync(join(tmpdir(), 'pando-gw-'))
  readonly #gateways: GatewayProcess[] = []

  get tableFile(): string {
    return join(this.folder, 'table.json')
  }

  writeTable(table: RoutingTable): void {
    writeFileSync(this.tableFile, JSON.stringify(table))
  }

  start(args: readonly string[]): GatewayProcess {
    const gateway = new GatewayProcess({ args, stateDir: this.folder })
    this.#gateways.push(gateway)
    return gateway
  }

  async startStatic(table: RoutingTable, workers: number, args: readonly string[] = []): Promise<GatewayProcess> {
    this.writeTable(table)
    const gateway = this.start(['--table', this.tableFile, '--workers', String(workers), ...args])
    await gateway.until()
    return gateway
  }

  async close(): Promise<void> {
    for (const gateway of this.#gateways) await gateway.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

export async function waitUntil(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await new Promise((resolve) => setTimeout(resolve, 10))
}

/** Null when nobody answers. */
function read(socketPath: string, path: string): Promise<string | null> {
  if (!existsSync(socketPath)) return Promise.resolve(null)
  return new Promise((resolve) => {
    get({ socketPath, path, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (body += chunk))
      response.on('end', () => resolve(body))
      response.on('error', () => resolve(null))
    }).on('error', () => resolve(null))
  })
}

/** One request on a connection of its own. */
export function fetchOnce(port: number, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (body += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
      response.on('error', reject)
    })
    call.on('error', reject)
    call.end()
  })
}

export function edge(port: number, name = 'edge'): Listener {
  return { kind: 'edge', name, address: { host: '127.0.0.1', port } }
}

export function endpoint(id: string, port: number, state: Endpoint['state'] = 'healthy'): Endpoint {
  return {
    id,
    service: 'users',
    address: { host: '127.0.0.1', port },
    state,
    revision: null,
    weight: 100,
    metadata: {},
    source: 'pando',
  }
}

export function config(listeners: readonly Listener[], prefix = '/', accessLog: string | null = null): GatewayConfig {
  return {
    app: 'shop',
    listeners,
    routes: [
      {
        name: 'users/0',
        hosts: [],
        matches: [{ path: { type: 'prefix', value: prefix }, method: null, headers: [], query: [] }],
        filters: [],
        backends: [{ service: 'users', weight: 1 }],
        timeouts: { requestMs: null, backendRequestMs: null },
      },
    ],
    services: [{ name: 'users', protocol: 'http', balancer: 'round_robin' }],
    limits: {
      maxTargetBytes: 8_192,
      maxHeadBytes: 65_536,
      maxHeaders: 100,
      maxBodyBytes: 0,
      headTimeoutMs: 10_000,
      keepAliveTimeoutMs: 60_000,
      idleTimeoutMs: 60_000,
      requestTimeoutMs: 0,
      connectTimeoutMs: 1_000,
      maxConnections: 10_000,
      maxConnectionsPerEndpoint: 256,
      maxPending: 1_000,
      pendingTimeoutMs: 5_000,
      maxRetries: 2,
    },
    accessLog,
  }
}

export function table(version: number, endpoints: readonly Endpoint[], of: GatewayConfig, epoch = 'e1'): RoutingTable {
  return { epoch, version, config: of, endpoints }
}
