import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { PandoError } from '@pando/model'
import { ControlClient } from '@pando/control-plane/client'
import { daemonLogOf, lastLines } from './log-tail.js'

const answersWithinMs = 30_000
/**
 * The control plane makes little garbage, slowly: by V8's defaults its young generation may grow to 48 MB before it is collected.
 * Running the shop it peaked at 93 MB resident without this, at 81 MB with it (VmHWM in /proc/PID/status).
 */
const memoryFlags = ['--max-semi-space-size=2']
const pollMs = 50
/** Exit code of a control plane that finds its state directory taken by another. */
const otherHasIt = 75

export interface DaemonOptions {
  readonly stateDir: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** File of the program; absent: the control plane's own. */
  readonly program?: string
}

/** The control plane of one state directory, as a process: reached, started, and waited for. */
export class Daemon {
  readonly stateDir: string
  readonly #env: Readonly<Record<string, string | undefined>>
  readonly #program: string | undefined

  constructor(options: DaemonOptions) {
    this.stateDir = options.stateDir
    this.#env = options.env
    this.#program = options.program
  }

  get socketPath(): string {
    return join(this.stateDir, 'control.sock')
  }

  control(): ControlClient {
    return new ControlClient({ socketPath: this.socketPath })
  }

  /** True when an earlier control plane has been here: there may be processes that it left. */
  get hasLeftovers(): boolean {
    return existsSync(this.stateDir) && readdirSync(this.stateDir).some((name) => name !== basename(daemonLogOf('')))
  }

  /**
   * Throws `unavailable` when the last control plane could not stop all before it ended, and says what is to be done. The next one
   * stops the rest as soon as it can.
   */
  assertAllStopped(): void {
    const file = join(this.stateDir, 'unstopped.json')
    if (!existsSync(file)) return
    const { instances } = JSON.parse(readFileSync(file, 'utf8')) as { readonly instances: readonly string[] }
    throw new PandoError(
      'unavailable',
      `the container engine does not answer, so these could not be stopped: ${instances.join(', ')}`,
      { hint: 'start the engine and run pando down again; pando up stops them, too' },
    )
  }

  /** True when somebody answers on the socket, whatever the answer. */
  async answers(): Promise<boolean> {
    try {
      await this.control().status()
      return true
    } catch (error) {
      return error instanceof PandoError && error.code !== 'unavailable'
    }
  }

  /**
   * Starts it in a session of its own, so that no terminal's end ends it, and resolves when it answers.
   * Rejects with `unavailable` and the end of its log when it ends first or does not answer in time.
   */
  async start(): Promise<void> {
    const child = this.#spawn([])
    const deadline = Date.now() + answersWithinMs
    while (!(await this.answers())) {
      // Another one may have been first: then ours ends, and the other answers as soon as it has adopted what runs.
      const hasEnded = child.exitCode !== null || child.signalCode !== null
      if (hasEnded && child.exitCode !== otherHasIt) {
        throw this.#failed(`the control plane ended at its start (${endOf(child)})`)
      }
      if (Date.now() > deadline) {
        child.kill('SIGKILL')
        throw this.#failed(`the control plane did not answer within ${answersWithinMs / 1000} seconds of its start`)
      }
      await delay(pollMs)
    }
    child.unref()
  }

  /** Starts it only to stop whatever an earlier one left, and resolves when that is done, or all that can be. */
  async sweep(): Promise<void> {
    const child = this.#spawn(['--down'])
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', resolve)
    })
    if (code !== 0) throw this.#failed(`what is left could not be stopped (${endOf(child)})`)
  }

  #spawn(args: readonly string[]): ChildProcess {
    try {
      mkdirSync(this.stateDir, { recursive: true, mode: 0o700 })
      // A crash before it has opened its own log would otherwise say nothing to anyone.
      const log = openSync(daemonLogOf(this.stateDir), 'a', 0o600)
      try {
        return spawn(
          process.execPath,
          [
            ...memoryFlags,
            this.#program ?? programs.controlPlane(),
            '--state-dir',
            this.stateDir,
            '--gateway-entry',
            programs.gateway(),
            ...args,
          ],
          {
            cwd: this.stateDir,
            env: daemonEnvironment(this.#env),
            detached: true,
            stdio: ['ignore', log, log],
          },
        )
      } finally {
        closeSync(log)
      }
    } catch (error) {
      throw new PandoError('usage', `the state directory ${this.stateDir} cannot be written`, {
        hint: 'choose another with --state-dir DIR',
        cause: error,
      })
    }
  }

  #failed(message: string): PandoError {
    const log = daemonLogOf(this.stateDir)
    const lines = lastLines(log, 12).map((line) => `  ${line}`)
    const end = lines.length === 0 ? 'its log is empty' : `the end of its log:\n${lines.join('\n')}`
    return new PandoError('unavailable', `${message}; ${end}`, { hint: `the whole log is ${log}` })
  }
}

/** The programs that are started, beside the entries of their packages. Packages know nothing of each other's places, so we say. */
const programs = {
  controlPlane: () => beside(import.meta.resolve('@pando/control-plane'), 'pandod.js'),
  gateway: () => beside(import.meta.resolve('@pando/gateway'), 'main.js'),
}

function beside(entry: string, file: string): string {
  return join(dirname(fileURLToPath(entry)), file)
}

/** The caller's environment without what npm and a parent Node process added for this process alone. */
export function daemonEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const clean: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue
    if (/^npm_(?:package|lifecycle|command|execpath|node_execpath)/.test(name)) continue
    if (['INIT_CWD', 'NODE_CHANNEL_FD', 'NODE_CHANNEL_SERIALIZATION_MODE', 'NODE_UNIQUE_ID'].includes(name)) continue
    clean[name] = value
  }
  return clean
}

function endOf(child: ChildProcess): string {
  return child.signalCode === null ? `exit code ${child.exitCode}` : `killed by ${child.signalCode}`
}
