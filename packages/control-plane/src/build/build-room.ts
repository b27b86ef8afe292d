import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, join } from 'node:path'
import { PandoError } from '@pando/model'
import { isAlive, type ProcessIdentity, type ProcessTable } from '../drivers/process/process-table.js'
import type { BuildOrder } from './builder.js'
import { runBuild } from './build-run.js'

/** Made things of one kind that are kept: instances of earlier revisions may still run from them. */
const keptOutputs = 4

/** What a kind of build works with: one service's order, its own directory, and the way to run tools. */
export class BuildRoom {
  readonly order: BuildOrder
  /** The service's own, `<stateDir>/builds/<service>`; outlives the build. */
  readonly directory: string
  /** Of this revision alone; the same as `directory` where no snapshot is taken. */
  readonly output: string
  /** The folder that a snapshot was taken of, which may have gone or changed since; null where the build works in it. */
  readonly origin: string | null
  /** Only what `buildEnvironment` lets through. */
  readonly environment: Readonly<Record<string, string>>
  readonly #onOutput: (line: string) => void
  readonly #signal: AbortSignal
  readonly #table: ProcessTable

  constructor(options: {
    readonly order: BuildOrder
    readonly directory: string
    readonly snapshot?: { readonly output: string; readonly origin: string }
    readonly environment: Readonly<Record<string, string>>
    readonly onOutput: (line: string) => void
    readonly signal: AbortSignal
    readonly table: ProcessTable
  }) {
    this.order = options.order
    this.directory = options.directory
    this.output = options.snapshot?.output ?? options.directory
    this.origin = options.snapshot?.origin ?? null
    this.environment = options.environment
    this.#onOutput = options.onOutput
    this.#signal = options.signal
    this.#table = options.table
    mkdirSync(this.directory, { recursive: true, mode: 0o700 })
    this.#endPredecessor()
  }

  /** Absolute path of something in the service's folder. */
  source(...names: string[]): string {
    return join(this.order.spec.context, ...names)
  }

  has(name: string): boolean {
    return existsSync(this.source(name))
  }

  say(line: string): void {
    this.#onOutput(line)
  }

  /** Runs a command in the service's folder. Rejects with `build_failed`. */
  async run(
    title: string,
    command: string | readonly string[],
    options: { readonly environment?: Readonly<Record<string, string>>; readonly onData?: (line: string) => void } = {},
  ): Promise<void> {
    await runBuild({
      title: `service ${this.order.service}: ${title}`,
      command,
      cwd: this.order.spec.context,
      environment: { ...this.environment, ...options.environment },
      signal: this.#signal,
      onLine: this.#onOutput,
      ...(options.onData === undefined ? {} : { onData: options.onData }),
      onGroup: (pid) => this.#noteGroup(pid),
    })
  }

  /** The output of a quick question to a tool, null when it fails. */
  ask(command: readonly [string, ...string[]]): Promise<string | null> {
    const [file, ...args] = command
    const options = { cwd: this.order.spec.context, env: this.environment, signal: this.#signal, timeout: 30_000 }
    return new Promise((resolve) => {
      execFile(file, args, options, (error, output) => resolve(error === null ? output : null))
    })
  }

  /** Absolute path of a tool in PATH, null when it is not there. */
  find(tool: string): string | null {
    for (const directory of (this.environment['PATH'] ?? '').split(delimiter)) {
      const file = join(directory, tool)
      try {
        accessSync(file, constants.X_OK)
        if (statSync(file).isFile()) return file
      } catch {
        // Not here.
      }
    }
    return null
  }

  /** As `find`, but throws `tool_missing` with how to get it. */
  require(tool: string, hint: string): string {
    const file = this.find(tool)
    if (file !== null) return file
    const { service, spec } = this.order
    throw new PandoError(
      'tool_missing',
      `service ${service}: ${tool} is needed to run a ${spec.kind} service and was not found`,
      {
        hint,
      },
    )
  }

  fail(message: string, hint: string): PandoError {
    return new PandoError('build_failed', `service ${this.order.service}: ${message}`, { hint })
  }

  /** What an earlier build wrote down under that name, null when none did. */
  readStamp(name: string): string | null {
    try {
      return readFileSync(join(this.output, `${name}.stamp`), 'utf8')
    } catch {
      return null
    }
  }

  /** Written after the work it speaks of is done, so that a build that was cut short is done again. */
  writeStamp(name: string, text: string): void {
    const file = join(this.output, `${name}.stamp`)
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  }

  /**
   * Puts a made file where it stays as it is for as long as someone may run it: `<output>/<kind>-<hash of it>/<name>`. The
   * next build makes another, and never changes one that runs.
   */
  keep(kind: string, made: string, name: string): string {
    const hash = createHash('sha256').update(readFileSync(made)).digest('hex').slice(0, 16)
    const directory = join(this.output, `${kind}-${hash}`)
    const kept = join(directory, name)
    if (!existsSync(kept)) {
      mkdirSync(directory, { recursive: true })
      writeFileSync(`${kept}.new`, readFileSync(made), { mode: 0o755 })
      renameSync(`${kept}.new`, kept)
    }
    if (this.origin === null) this.prune(kind, directory)
    return kept
  }

  /** Deletes all but the newest few directories `<kind>-…`, never `current`. */
  prune(kind: string, current: string): void {
    const others = readdirSync(this.directory)
      .filter((name) => name.startsWith(`${kind}-`) && join(this.directory, name) !== current)
      .map((name) => ({ path: join(this.directory, name), time: statSync(join(this.directory, name)).mtimeMs }))
      .sort((a, b) => b.time - a.time)
    for (const { path } of others.slice(keptOutputs - 1)) rmSync(path, { recursive: true, force: true })
  }

  get #groupFile(): string {
    return join(this.directory, 'running.json')
  }

  #noteGroup(pid: number | null): void {
    if (pid === null) {
      rmSync(this.#groupFile, { force: true })
      return
    }
    const note = { pid, start: this.#table.read(pid)?.start ?? '', boot: this.#table.boot }
    writeFileSync(this.#groupFile, JSON.stringify(note))
  }

  /** A build whose control plane died under it would work in the same folder as this one. */
  #endPredecessor(): void {
    try {
      const note = JSON.parse(readFileSync(this.#groupFile, 'utf8')) as ProcessIdentity & { readonly boot: string }
      if (note.boot === this.#table.boot && isAlive(this.#table, note)) process.kill(-note.pid, 'SIGKILL')
    } catch {
      // There is none, or it has just ended.
    }
    rmSync(this.#groupFile, { force: true })
  }
}
