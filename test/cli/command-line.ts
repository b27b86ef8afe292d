import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile, mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const main = join(import.meta.dirname, '../../packages/cli/dist/main.js')
const fakeDaemon = join(import.meta.dirname, 'fake-pandod.mjs')

const manifest = `name: demo
services:
  users:
    build: .
    command: serve $PORT
    replicas: 2
    environment:
      GREETING: \${GREETING:-hello}
    routes: [/users]
  orders:
    build: .
    command: serve $PORT
    routes: [/orders]
`

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A folder with a manifest in which `pando` is run as its users run it, with a control plane that runs nothing. */
export class CommandLine {
  readonly folder: string
  readonly #running = new Set<ChildProcess>()

  private constructor(folder: string) {
    this.folder = folder
  }

  static async open(): Promise<CommandLine> {
    const line = new CommandLine(await mkdtemp(join(tmpdir(), 'pando-cli-')))
    await writeFile(join(line.folder, 'pando.yaml'), manifest)
    await mkdir(line.stateDir)
    return line
  }

  get stateDir(): string {
    return join(this.folder, '.pando')
  }

  /** What the control plane shall do: see fake-pandod.mjs. */
  async wish(fake: Readonly<Record<string, unknown>>): Promise<void> {
    await writeFile(join(this.stateDir, 'fake.json'), JSON.stringify(fake))
  }

  /** Documents of one of the fake's logs, in order. */
  log<T>(name: 'asked' | 'lives'): T[] {
    const path = join(this.stateDir, `${name}.log`)
    if (!existsSync(path)) return []
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as T)
  }

  asked(method: string): { readonly url: string; readonly body: unknown }[] {
    return this.log<{ method: string; url: string; body: unknown }>('asked').filter((entry) => entry.method === method)
  }

  start(args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd = this.folder): Running {
    const child = spawn(process.execPath, [main, ...args], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '', HOME: this.folder, PANDO_DAEMON: fakeDaemon, ...env },
    })
    this.#running.add(child)
    return new Running(child)
  }

  async run(args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd = this.folder): Promise<Ran> {
    return this.start(args, env, cwd).ended()
  }

  /** Ends every process that was started here, and removes the folder. */
  async close(): Promise<void> {
    for (const child of this.#running) child.kill('SIGKILL')
    for (const { pid } of this.log<{ pid: number }>('lives')) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended by itself.
      }
    }
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

export class Running {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''
  readonly #end: Promise<unknown>

  constructor(child: ChildProcess) {
    this.child = child
    this.#end = once(child, 'close')
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
  }

  async ended(): Promise<Ran> {
    await this.#end
    return { code: this.child.exitCode, stdout: this.stdout, stderr: this.stderr }
  }

  /** Resolves once stdout holds the text; rejects when the command has ended without it. */
  async says(text: string): Promise<void> {
    const hasEnded = this.#end.then(() => true)
    while (!this.stdout.includes(text)) {
      if (await Promise.race([hasEnded, new Promise<false>((resolve) => setTimeout(() => resolve(false), 20))])) {
        if (this.stdout.includes(text)) return
        throw new Error(`ended without saying "${text}":\n${this.stdout}\n${this.stderr}`)
      }
    }
  }
}

/** Resolves when it holds. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20))
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch (error) {
    // Without /proc the signal's answer stands.
    return (error as NodeJS.ErrnoException).code === 'ENOENT' && existsSync('/proc') === false
  }
}
