import { Agent, request, type IncomingMessage } from 'node:http'
import { PandoError } from '@pando/model'
import type { Clock } from '../../clock.js'
import { describeEngine, findEngine, type EngineAddress } from './engine-address.js'

/** The newest version of the API that this code was written against; an older engine's own is used then. */
const newestVersion = [1, 47] as const
/** Docker 19.03; below, what is used here is not all there. */
const oldestVersion = [1, 40] as const
/** Of Podman's own API; every later Podman takes it too. */
const libpodVersion = '4.0.0'
const answerWithinMs = 30_000
const maxBodyBytes = 32 * 1_048_576
const maxConnections = 16

interface AboutEngine {
  readonly version: string
  readonly isPodman: boolean
}

export interface EngineRequest {
  readonly query?: Readonly<Record<string, string>>
  /** Sent as JSON, or as it is when it is a stream of bytes. */
  readonly body?: object | AsyncIterable<Uint8Array>
  readonly contentType?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  /** To the head of the answer. 30 s by default; 0 waits as long as `signal` lets it. */
  readonly timeoutMs?: number
  /** Statuses of failure that are answers here: `ask` then resolves with null. */
  readonly absent?: readonly number[]
}

/**
 * The Docker Engine API, as much of it as is needed, over its socket. Source: https://docs.docker.com/reference/api/engine/
 *
 * Every question has an end. Rejects with `tool_missing` when no engine answers, `timeout`, `unavailable` when it breaks off, and
 * `EngineError` when it refuses.
 */
export class EngineClient {
  readonly #environment: Readonly<Record<string, string | undefined>>
  readonly #clock: Clock
  readonly #agent = new Agent({ keepAlive: true, maxSockets: maxConnections, timeout: 60_000 })
  #about: Promise<AboutEngine> | null = null

  constructor(options: { readonly environment: Readonly<Record<string, string | undefined>>; readonly clock: Clock }) {
    this.#environment = options.environment
    this.#clock = options.clock
  }

  /** The answer's JSON; null for one of `absent`, or when it has no body. */
  async ask<T>(method: string, path: string, options: EngineRequest = {}): Promise<T | null> {
    const response = await this.#send(method, path, options, this.#agent).catch((error: unknown) => {
      // A connection that was kept may have been closed from the other side just now.
      const isOnceMore = method === 'GET' && error instanceof PandoError && error.code === 'unavailable'
      if (!isOnceMore) throw error
      return this.#send(method, path, options, false)
    })
    const { statusCode = 0 } = response
    const text = await this.#bodyOf(response, options.timeoutMs ?? answerWithinMs)
    if (options.absent?.includes(statusCode) === true) return null
    if (statusCode >= 400) throw new EngineError(statusCode, messageIn(text))
    return text.trim() === '' ? null : (JSON.parse(text) as T)
  }

  /** The answer's body as it comes, on a connection of its own; the caller destroys it, or its signal does. */
  async stream(method: string, path: string, options: EngineRequest = {}): Promise<IncomingMessage> {
    const response = await this.#send(method, path, options, false)
    const { statusCode = 0 } = response
    if (statusCode < 400) return response
    throw new EngineError(statusCode, messageIn(await this.#bodyOf(response, answerWithinMs)))
  }

  /** Podman keeps an API of its own beside Docker's: paths that begin with `/libpod/`. */
  async isPodman(): Promise<boolean> {
    return (await this.#known()).isPodman
  }

  close(): void {
    this.#agent.destroy()
  }

  async #send(method: string, path: string, options: EngineRequest, agent: Agent | false): Promise<IncomingMessage> {
    const version = path.startsWith('/libpod/') ? libpodVersion : (await this.#known()).version
    const query = options.query === undefined ? '' : `?${new URLSearchParams(options.query)}`
    return this.#open(method, `/v${version}${path}${query}`, options, agent)
  }

  #known(): Promise<AboutEngine> {
    this.#about ??= this.#negotiate().catch((error: unknown) => {
      this.#about = null
      throw error
    })
    return this.#about
  }

  async #negotiate(): Promise<AboutEngine> {
    const response = await this.#open('GET', '/_ping', {}, this.#agent)
    await this.#bodyOf(response, answerWithinMs)
    const text = String(response.headers['api-version'] ?? '')
    const theirs = text.split('.').map(Number)
    if (compare(theirs, oldestVersion) < 0 || theirs.some(Number.isNaN) || theirs.length !== 2) {
      throw new PandoError(
        'unsupported',
        `the container engine speaks API ${text || 'unknown'}, and 1.40 or newer is needed`,
        {
          hint: 'install Docker 19.03 or newer, or Podman 4 or newer',
        },
      )
    }
    const version = (compare(theirs, newestVersion) < 0 ? theirs : newestVersion).join('.')
    return { version, isPodman: response.headers['libpod-api-version'] !== undefined }
  }

  #open(method: string, path: string, options: EngineRequest, agent: Agent | false): Promise<IncomingMessage> {
    const address = findEngine(this.#environment)
    const { body, signal } = options
    const timeoutMs = options.timeoutMs ?? answerWithinMs
    const isStream = body !== undefined && Symbol.asyncIterator in body
    const json = body === undefined || isStream ? null : Buffer.from(JSON.stringify(body))
    return new Promise((resolve, reject) => {
      const outgoing = request({
        ...(address.kind === 'socket' ? { socketPath: address.path } : { host: address.host, port: address.port }),
        method,
        path,
        agent,
        headers: {
          ...options.headers,
          host: 'docker',
          ...(json === null ? {} : { 'content-type': 'application/json', 'content-length': json.length }),
          ...(isStream ? { 'content-type': options.contentType ?? 'application/octet-stream' } : {}),
          ...(method === 'POST' && body === undefined ? { 'content-length': 0 } : {}),
        },
        ...(signal === undefined ? {} : { signal }),
      })
      const cancel =
        timeoutMs === 0
          ? (): void => {}
          : this.#clock.after(timeoutMs, () =>
              outgoing.destroy(new PandoError('timeout', `the container engine did not answer within ${timeoutMs} ms`)),
            )
      outgoing.once('response', (response) => {
        cancel()
        resolve(response)
      })
      outgoing.once('error', (error) => {
        cancel()
        reject(signal?.aborted === true ? error : mapped(error, address))
      })
      if (isStream) void sendAll(outgoing, body as AsyncIterable<Uint8Array>)
      else outgoing.end(json ?? undefined)
    })
  }

  async #bodyOf(response: IncomingMessage, timeoutMs: number): Promise<string> {
    const chunks: Buffer[] = []
    let bytes = 0
    const cancel =
      timeoutMs === 0
        ? (): void => {}
        : this.#clock.after(timeoutMs, () =>
            response.destroy(new PandoError('timeout', 'the container engine broke off its answer')),
          )
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        bytes += chunk.length
        if (bytes > maxBodyBytes) throw new PandoError('internal', 'the container engine answers with more than 32 MiB')
        chunks.push(chunk)
      }
    } catch (error) {
      throw PandoError.from(error, 'unavailable')
    } finally {
      cancel()
    }
    return Buffer.concat(chunks).toString('utf8')
  }
}

/** The engine understood and refused. */
export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** True when nothing was refused: the engine itself is not to be had at the moment. */
export function isEngineAway(error: unknown): boolean {
  return error instanceof PandoError && ['tool_missing', 'unavailable', 'timeout'].includes(error.code)
}

async function sendAll(outgoing: ReturnType<typeof request>, body: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const chunk of body) {
      if (outgoing.destroyed) return
      if (!outgoing.write(chunk)) await drained(outgoing)
    }
    outgoing.end()
  } catch (error) {
    outgoing.destroy(error as Error)
  }
}

function drained(outgoing: ReturnType<typeof request>): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      outgoing.off('drain', done)
      outgoing.off('close', done)
      resolve()
    }
    outgoing.on('drain', done)
    outgoing.on('close', done)
  })
}

function messageIn(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown }
    if (typeof message === 'string' && message !== '') return message
  } catch {
    // Not all that stands between us speaks JSON.
  }
  return text.trim().slice(0, 500) || 'no reason given'
}

function mapped(error: Error, address: EngineAddress): PandoError {
  if (error instanceof PandoError) return error
  const where = describeEngine(address)
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return new PandoError('tool_missing', `no container engine answers at ${where}`, {
        hint: 'start Docker or Podman (its socket, too), or say with DOCKER_HOST where the engine listens',
        cause: error,
      })
    case 'EACCES':
    case 'EPERM':
      return new PandoError('tool_missing', `the container engine at ${where} may not be used by this user`, {
        hint: 'for Docker, join its group (usermod -aG docker) and log in again, or use a rootless engine',
        cause: error,
      })
    default:
      return new PandoError('unavailable', `the container engine at ${where} broke off: ${error.message}`, {
        cause: error,
      })
  }
}

function compare(a: readonly number[], b: readonly number[]): number {
  return (a[0] ?? 0) - (b[0] ?? 0) || (a[1] ?? 0) - (b[1] ?? 0)
}
