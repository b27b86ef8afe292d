import { request as send, type IncomingMessage } from 'node:http'
import { PandoError, type AppStatus, type LogLine, type PandoEvent, type Problem, type RouteStatus } from '@pando/model'
import type { Applied, Control, EventQuery, LogQuery } from './control.js'

const answerTimeoutMs = 15_000
const maxAnswerBytes = 16 * 1024 * 1024

/** Speaks the control API over its unix socket. Every call is a connection of its own: nothing stays open behind a command. */
export class SocketControl implements Control {
  readonly #socketPath: string

  constructor(socketPath: string) {
    this.#socketPath = socketPath
  }

  status(): Promise<AppStatus> {
    return this.#call<AppStatus>('GET', '/v1/app')
  }

  apply(request: {
    readonly manifest: string
    readonly variables: Readonly<Record<string, string>>
  }): Promise<Applied> {
    return this.#call<Applied>('PUT', '/v1/app', request)
  }

  async down(): Promise<void> {
    await this.#call('DELETE', '/v1/app')
  }

  async scale(service: string, replicas: number): Promise<void> {
    await this.#call('POST', `${pathOf(service)}/scale`, { replicas })
  }

  async restart(service: string): Promise<void> {
    await this.#call('POST', `${pathOf(service)}/restart`)
  }

  async stop(service: string): Promise<void> {
    await this.#call('POST', `${pathOf(service)}/stop`)
  }

  async start(service: string): Promise<void> {
    await this.#call('POST', `${pathOf(service)}/start`)
  }

  routes(): Promise<readonly RouteStatus[]> {
    return this.#call<readonly RouteStatus[]>('GET', '/v1/routes')
  }

  events(query: EventQuery, signal: AbortSignal): AsyncIterable<PandoEvent> {
    const parameters = new URLSearchParams({ limit: String(query.limit), follow: String(query.follow) })
    if (query.after !== null) parameters.set('after', String(query.after))
    if (query.service !== null) parameters.set('service', query.service)
    return this.#lines<PandoEvent>(`/v1/events?${parameters}`, signal)
  }

  logs(query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine> {
    const parameters = new URLSearchParams({ follow: String(query.follow) })
    for (const service of query.services) parameters.append('service', service)
    if (query.since !== null) parameters.set('since', String(query.since))
    if (query.tail !== null) parameters.set('tail', String(query.tail))
    return this.#lines<LogLine>(`/v1/logs?${parameters}`, signal)
  }

  async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const signal = AbortSignal.timeout(answerTimeoutMs)
    const response = await this.#open(method, path, signal, body)
    const text = await textOf(response, signal)
    return (text === '' ? undefined : JSON.parse(text)) as T
  }

  /** Newline-delimited JSON, value by value, until the server ends it or `signal` aborts (which is no error). */
  async *#lines<T>(path: string, signal: AbortSignal): AsyncGenerator<T> {
    try {
      const response = await this.#open('GET', path, signal)
      response.setEncoding('utf8')
      let rest = ''
      for await (const chunk of response as AsyncIterable<string>) {
        const lines = (rest + chunk).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as T
      }
    } catch (error) {
      if (!signal.aborted) throw asUnavailable(error)
    }
  }

  async #open(method: string, path: string, signal: AbortSignal, body?: unknown): Promise<IncomingMessage> {
    const text = body === undefined ? undefined : JSON.stringify(body)
    let response: IncomingMessage
    try {
      response = await new Promise<IncomingMessage>((resolve, reject) => {
        const request = send(
          {
            socketPath: this.#socketPath,
            agent: false,
            method,
            path,
            signal,
            headers: {
              host: 'localhost',
              ...(text === undefined
                ? {}
                : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
            },
          },
          resolve,
        )
        request.once('error', reject)
        request.end(text)
      })
    } catch (error) {
      throw asUnavailable(error)
    }
    if (response.statusCode !== undefined && response.statusCode < 300) return response
    throw problemOf(response.statusCode ?? 0, await textOf(response, signal))
  }
}

function pathOf(service: string): string {
  return `/v1/services/${encodeURIComponent(service)}`
}

async function textOf(response: IncomingMessage, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > maxAnswerBytes) throw new PandoError('internal', 'the control plane answers with more than 16 MiB')
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof PandoError) throw error
    throw signal.aborted ? asUnavailable(signal.reason) : asUnavailable(error)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function problemOf(status: number, text: string): PandoError {
  try {
    const problem = JSON.parse(text) as Partial<Problem>
    if (typeof problem.code === 'string' && typeof problem.title === 'string') {
      return PandoError.fromProblem(problem as Problem)
    }
  } catch {
    // Not a problem document: said below.
  }
  return new PandoError('internal', `the control plane answered ${status}: ${text.slice(0, 200)}`)
}

function asUnavailable(error: unknown): PandoError {
  if (error instanceof PandoError) return error
  if (error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError')) {
    return new PandoError('timeout', `the control plane did not answer within ${answerTimeoutMs / 1000} seconds`, {
      hint: 'look at pandod.log in the state directory; pando doctor says where that is',
      cause: error,
    })
  }
  return new PandoError('unavailable', 'the control plane does not answer', { cause: error })
}
