import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import {
  closeSync,
  createReadStream,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs'
import { request } from 'node:http'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { tarOf, type TarEntry } from '../../packages/control-plane/src/build/tar.js'
import { until } from './condition.js'
import { defaultEngine, type EngineKind } from './engine-kinds.js'

/** Only root may run an engine of its own; a test that needs one is left out otherwise, and named as skipped. */
export const hasEngine = defaultEngine.isHere

/**
 * An engine of a test's own, Docker's unless it says otherwise, with its own socket, images and containers, gone after `stop`. Two engines would take each
 * other's packet filter rules away, so a second one waits, in whatever process, until the first has gone.
 */
export class ContainerEngine {
  readonly host: string
  readonly #directory: string
  readonly kind: EngineKind
  readonly #isLiveRestore: boolean
  readonly #turn: Server
  #daemon: ChildProcess

  static async start(options: { kind?: EngineKind; isLiveRestore?: boolean } = {}): Promise<ContainerEngine> {
    const turn = await until('no other test has an engine', takeTurn, { timeoutMs: 170_000, everyMs: 200 })
    const engine = new ContainerEngine(turn, options.kind ?? defaultEngine, options.isLiveRestore ?? false)
    await engine.#ready()
    return engine
  }

  private constructor(turn: Server, kind: EngineKind, isLiveRestore: boolean) {
    this.#turn = turn
    this.kind = kind
    this.#isLiveRestore = isLiveRestore
    this.#directory = realpathSync(mkdtempSync(join(tmpdir(), 'engine-')))
    this.host = `unix://${this.#socket}`
    this.#daemon = this.#spawn()
  }

  readonly #at = (name: string): string => join(this.#directory, name)

  #spawn(): ChildProcess {
    const log = openSync(this.#at('log'), 'a')
    const options = { at: this.#at, host: this.host, isLiveRestore: this.#isLiveRestore }
    const [command = '', ...args] = this.kind.command(options)
    const daemon = spawn(command, args, { cwd: this.#directory, stdio: ['ignore', log, log] })
    closeSync(log)
    return daemon
  }

  async #ready(): Promise<void> {
    await until('the engine answers', () => this.#answers(), { timeoutMs: 60_000, everyMs: 100 }).catch(
      async (error: Error) => {
        const log = readFileSync(this.#at('log'), 'utf8').slice(-3000)
        await this.stop()
        throw new Error(`${error.message}\n${log}`)
      },
    )
  }

  /** SIGKILL, as when the machine has no memory left. */
  async kill(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#daemon.once('exit', () => resolve()))
    this.#daemon.kill('SIGKILL')
    await ended
  }

  /** Starts it again with what it had; one that gives up on a slow machine is started once more. */
  async revive(): Promise<void> {
    await until(
      'the engine is back',
      () => {
        if (this.#daemon.exitCode !== null || this.#daemon.signalCode !== null) this.#daemon = this.#spawn()
        return this.#answers()
      },
      { timeoutMs: 90_000, everyMs: 200 },
    )
  }

  get #socket(): string {
    return this.#at('d.sock')
  }

  async #answers(): Promise<boolean> {
    if (this.#daemon.exitCode !== null) throw new Error(`the engine ended with ${this.#daemon.exitCode}`)
    return existsSync(this.#socket) && (await this.ask('GET', '/_ping')).status === 200
  }

  ask(method: string, path: string, body?: AsyncIterable<Uint8Array>): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        { socketPath: this.#socket, method, path, agent: false, headers: { host: 'docker' } },
        (response) => {
          let text = ''
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
          response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
          response.on('error', reject)
        },
      )
      outgoing.on('error', reject)
      if (body === undefined) outgoing.end()
      else Readable.from(body).pipe(outgoing)
    })
  }

  async json<T>(method: string, path: string): Promise<T> {
    const { status, text } = await this.ask(method, path)
    if (status >= 400) throw new Error(`${method} ${path}: ${status} ${text}`)
    return JSON.parse(text) as T
  }

  /** Those that are instances, ended ones as well, and none that the engine needs for itself. */
  containers<T>(): Promise<T[]> {
    const query = new URLSearchParams({ all: 'true', filters: '{"label":["pando.app"]}' })
    return this.json('GET', `/containers/json?${query}`)
  }

  /** None that the engine needs for itself; names without the registry that Podman puts in front of those that have none. */
  async images<T extends { readonly RepoTags: readonly string[] | null }>(query = ''): Promise<T[]> {
    const all = await this.json<T[]>('GET', `/images/json${query}`)
    const named = all.map((image) => ({
      ...image,
      RepoTags: image.RepoTags?.map((tag) => tag.replace(/^(docker\.io(\/library)?|localhost)\//, '')) ?? null,
    }))
    return named.filter(({ RepoTags }) => RepoTags?.some((tag) => tag.startsWith('podman-pause:')) !== true)
  }

  /** From a registry on loopback. */
  async pull(name: string): Promise<void> {
    const path =
      this.kind.name === 'podman'
        ? `/v4.0.0/libpod/images/pull?${new URLSearchParams({ reference: name, tlsVerify: 'false' })}`
        : `/images/create?${new URLSearchParams({ fromImage: name })}`
    const { text } = await this.ask('POST', path)
    if (text.includes('"error')) throw new Error(`image ${name}: ${text}`)
  }

  /** An image of these files; no registry is asked. `name` may have a tag. */
  async importImage(name: string, entries: Iterable<TarEntry>, changes: readonly string[] = []): Promise<void> {
    const [repo = '', tag = 'latest'] = name.split(':')
    const query = new URLSearchParams({ fromSrc: '-', repo, tag })
    for (const change of changes) query.append('changes', change)
    const { status, text } = await this.ask('POST', `/images/create?${query}`, tarOf(entries))
    if (status >= 400 || text.includes('errorDetail')) throw new Error(`image ${name}: ${status} ${text}`)
    // Podman takes no notice of the tag.
    if (this.kind.name === 'podman' && tag !== 'latest') {
      await this.ask(
        'POST',
        `/images/${encodeURIComponent(`${repo}:latest`)}/tag?${new URLSearchParams({ repo, tag })}`,
      )
    }
  }

  /** busybox and its names, as `busybox:latest`. */
  importBusybox(name = 'busybox'): Promise<void> {
    const busybox = spawnSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).stdout.trim()
    const names = spawnSync(busybox, ['--list'], { encoding: 'utf8' })
      .stdout.split('\n')
      .filter((each) => each !== '' && each !== 'busybox')
    return this.importImage(name, [
      { kind: 'folder', name: 'bin', mode: 0o755 },
      fileEntry('bin/busybox', busybox, 0o755),
      ...names.map((each): TarEntry => ({ kind: 'link', name: `bin/${each}`, target: 'busybox' })),
      { kind: 'folder', name: 'tmp', mode: 0o1777 },
      { kind: 'folder', name: 'etc', mode: 0o755 },
      textEntry('etc/nsswitch.conf', 'passwd: files\nhosts: files\nservices: files\n'),
      textEntry('etc/passwd', 'root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n'),
    ])
  }

  /** The Node that runs the tests, with its libraries, as `node:latest`. */
  importNode(extra: readonly TarEntry[] = [], changes: readonly string[] = []): Promise<void> {
    const libraries = spawnSync('ldd', [process.execPath], { encoding: 'utf8' }).stdout.matchAll(
      /(?:=> )?(\/\S+) \(0x/g,
    )
    return this.importImage(
      'node',
      [
        fileEntry('bin/node', process.execPath, 0o755),
        ...[...libraries].map(([, path = '']) => fileEntry(path.slice(1), realpathSync(path), 0o755)),
        ...extra,
      ],
      changes,
    )
  }

  async stop(): Promise<void> {
    const daemon = this.#daemon
    if (daemon.exitCode === null && daemon.signalCode === null) {
      const ended = new Promise<void>((resolve) => daemon.once('exit', () => resolve()))
      daemon.kill('SIGTERM')
      const timer = setTimeout(() => daemon.kill('SIGKILL'), 20_000)
      await ended
      clearTimeout(timer)
    }
    this.kind.sweep(this.#at)
    // One that was killed leaves its data mounted over itself, Podman the memory that its containers shared.
    for (const path of mountsBelow(this.#directory)) spawnSync('umount', ['--lazy', path])
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5 })
    await new Promise<void>((resolve) => this.#turn.close(() => resolve()))
  }
}

function mountsBelow(directory: string): string[] {
  const paths = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
  return paths.filter((path) => path.startsWith(`${directory}/`)).toReversed()
}

export function fileEntry(name: string, path: string, mode: number): TarEntry {
  return { kind: 'file', name, mode, size: statSync(path).size, bytes: createReadStream(path) }
}

export function textEntry(name: string, text: string, mode = 0o644): TarEntry {
  const bytes = Buffer.from(text)
  return { kind: 'file', name, mode, size: bytes.length, bytes: Readable.from([bytes]) }
}

/** A name of the kernel's that one process at a time can have, and that goes with it. */
function takeTurn(): Promise<Server | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(null))
    server.listen('\0pando-test-engine', () => {
      server.unref()
      resolve(server)
    })
  })
}
