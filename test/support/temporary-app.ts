import { spawn, type ChildProcess } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request, type IncomingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AppStatus, InstanceStatus, ServiceStatus } from '@pando/model'
import { until } from './condition.js'
import { freePorts } from './free-ports.js'
import { isAlive, processesWith } from './processes.js'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
const cli = join(root, 'packages/cli/dist/main.js')

export interface CommandResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/**
 * An app in a folder of its own under the system's temporary directory, driven through the real CLI. `manifest` is given the
 * ports that were chosen for it. `dispose` takes the app down by any means and removes the folder.
 */
export class TemporaryApp {
  readonly directory: string
  readonly gatewayPort: number
  readonly apiPort: number
  readonly node: string
  /** Given to the command line besides what a person's shell has. */
  readonly environment: Record<string, string> = {}
  private readonly attached: ChildProcess[] = []

  private constructor(directory: string, gatewayPort: number, apiPort: number, node: string) {
    this.node = node
    this.directory = directory
    this.gatewayPort = gatewayPort
    this.apiPort = apiPort
  }

  static async create(
    services: string,
    options: {
      gateway?: string
      /** Put below the temporary folder. */
      below?: string
      /** Path of the Node that runs all of it. Default: the one that runs the tests. */
      node?: string
    } = {},
  ): Promise<TemporaryApp> {
    const directory = join(mkdtempSync(join(tmpdir(), 'pando-')), options.below ?? '')
    mkdirSync(directory, { recursive: true })
    const [gatewayPort, apiPort] = await freePorts(2)
    const app = new TemporaryApp(directory, gatewayPort!, apiPort!, options.node ?? process.execPath)
    mkdirSync(join(directory, 'echo'))
    cpSync(join(root, 'test/support/programs/echo.mjs'), join(directory, 'echo/echo.mjs'))
    app.writeManifest(services, options)
    return app
  }

  get stateDir(): string {
    return join(this.directory, '.pando')
  }

  /** `services` is YAML, indented by two, as it stands under `services:`. */
  writeManifest(services: string, options: { gateway?: string } = {}): void {
    const gateway = [`  port: ${this.gatewayPort}`, options.gateway ?? '  workers: 1'].join('\n')
    const text = `name: ${this.name}\nservices:\n${services}\ngateway:\n${gateway}\napi:\n  port: ${this.apiPort}\n`
    writeFileSync(join(this.directory, 'pando.yaml'), text)
  }

  get name(): string {
    return `t${this.gatewayPort}`
  }

  file(name: string): string {
    return join(this.directory, name)
  }

  /** Runs one CLI command to its end. */
  run(...args: string[]): Promise<CommandResult> {
    return this.runIn(this.directory, args)
  }

  private runIn(cwd: string, args: readonly string[]): Promise<CommandResult> {
    return new Promise((resolvePromise, reject) => {
      const child = spawn(this.node, [cli, ...args], {
        cwd,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...environment(), ...this.environment },
      })
      let stdout = ''
      let stderr = ''
      child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
      const timer = setTimeout(() => child.kill('SIGKILL'), 120_000)
      child.once('error', reject)
      child.once('close', (code) => {
        clearTimeout(timer)
        const warnings = warningsIn(stderr)
        if (warnings.length > 0)
          reject(new Error(`pando ${args.join(' ')} shows warnings of Node:\n${warnings.join('\n')}`))
        else resolvePromise({ code, stdout, stderr })
      })
    })
  }

  /** Starts a command and leaves it running; its output collects in `text()`. */
  attach(...args: string[]): { child: ChildProcess; text: () => string } {
    const child = spawn(this.node, [cli, ...args], {
      cwd: this.directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...environment(), ...this.environment },
    })
    let text = ''
    child.stdout!.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    child.stderr!.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    this.attached.push(child)
    return { child, text: () => text }
  }

  /** `pando up -d`; rejects with what it said when it failed. */
  async up(): Promise<void> {
    const result = await this.run('up', '-d')
    if (result.code !== 0) {
      throw new Error(`pando up failed (${result.code})\n${result.stdout}\n${result.stderr}\n${this.daemonLog()}`)
    }
  }

  daemonLog(): string {
    const file = join(this.stateDir, 'pandod.log')
    return existsSync(file) ? readFileSync(file, 'utf8').slice(-4000) : '(no pandod.log)'
  }

  async status(): Promise<AppStatus> {
    const result = await this.run('ps', '--json')
    if (result.code !== 0) throw new Error(`pando ps failed (${result.code}): ${result.stderr}`)
    return JSON.parse(result.stdout) as AppStatus
  }

  async service(name: string): Promise<ServiceStatus> {
    const service = (await this.status()).services.find((candidate) => candidate.name === name)
    if (service === undefined) throw new Error(`no service ${name}`)
    return service
  }

  async healthyInstances(service: string): Promise<InstanceStatus[]> {
    return (await this.service(service)).instances.filter((instance) => instance.phase === 'healthy')
  }

  /** Awaits `count` healthy instances and nothing else left of the service. */
  async settled(service: string, count: number): Promise<InstanceStatus[]> {
    return until(
      `${service} has just ${count} healthy`,
      async () => {
        const { instances } = await this.service(service)
        return instances.length === count && instances.every((one) => one.phase === 'healthy') ? [...instances] : false
      },
      { timeoutMs: 40_000, everyMs: 150 },
    )
  }

  /** One request through the gateway, on a connection of its own. */
  fetch(
    path: string,
    options: { method?: string; headers?: Record<string, string>; body?: string; port?: number } = {},
  ): Promise<HttpAnswer> {
    return new Promise((resolvePromise, reject) => {
      const outgoing = request(
        {
          host: '127.0.0.1',
          port: options.port ?? this.gatewayPort,
          path,
          method: options.method ?? 'GET',
          headers: options.headers ?? {},
          agent: false,
          timeout: 20_000,
        },
        (response) => {
          let body = ''
          response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
          response.on('end', () => resolvePromise({ status: response.statusCode!, headers: response.headers, body }))
          response.on('error', reject)
        },
      )
      outgoing.on('timeout', () => outgoing.destroy(new Error('timed out')))
      outgoing.on('error', reject)
      outgoing.end(options.body)
    })
  }

  /** Pids of everything that runs for this app: control plane, gateway, instances, and whatever they started. */
  processes(): number[] {
    return processesWith(this.directory)
  }

  async dispose(): Promise<void> {
    for (const child of this.attached) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await this.run('down')
    for (const pid of this.processes()) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
    const warnings = this.ownLogs().flatMap((file) => warningsIn(readFileSync(file, 'utf8')))
    rmSync(this.directory, { recursive: true, force: true })
    if (warnings.length > 0) throw new Error(`Node warned control plane or gateway:\n${warnings.join('\n')}`)
  }

  /** Of control plane and gateway. */
  private ownLogs(): string[] {
    const daemon = join(this.stateDir, 'pandod.log')
    const folder = join(this.stateDir, 'gateway/logs/gateway')
    const ofGateway = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.log')) : []
    return [...(existsSync(daemon) ? [daemon] : []), ...ofGateway.map((name) => join(folder, name))]
  }
}

/** What Node itself warns of (deprecated, experimental), which no user of Pando is to see: `(node:PID) [DEP0040] DeprecationWarning: …`. */
function warningsIn(text: string): string[] {
  return text.split('\n').filter((line) => /\(node:\d+\) /.test(line))
}

/** What a person's shell would have; nothing of the test runner's own. The authorities are for builds on a machine whose proxy has its own. */
function environment(): NodeJS.ProcessEnv {
  const { PATH, HOME, USER, LANG, TMPDIR, NODE_EXTRA_CA_CERTS } = process.env
  return { PATH, HOME, USER, LANG, TMPDIR, NODE_EXTRA_CA_CERTS, NO_COLOR: '1' }
}
