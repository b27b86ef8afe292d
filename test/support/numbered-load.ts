import { Agent, request } from 'node:http'

export interface Sent {
  readonly path: string
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

export interface Answer {
  readonly status: number
  readonly text: string
}

/** Rejects when no whole answer came. */
export interface Transport {
  send(sent: Sent): Promise<Answer>
  close(): void
}

export interface LoadResult {
  readonly sent: number
  readonly succeeded: number
  /** GETs that got no answer of 200, as `number: why`. */
  readonly failedIdempotent: string[]
  /** POSTs that got no answer of 200: allowed when a connection died under them, as nobody may send them twice. */
  readonly failedOther: string[]
  /** Numbers of POSTs that were answered 200. */
  readonly acknowledged: Set<string>
  readonly servedBy: Map<string, number>
  /** Longest time to an answer, milliseconds. */
  readonly slowestMs: number
  /** Of those that were answered well, milliseconds, shortest first. */
  readonly latenciesMs: readonly number[]
}

/**
 * A client that numbers its requests: `connections` keep-alive connections, each sending one request after the other, GETs and
 * every `postEvery`-th a POST. Ends when `stop` is called or after `maxRequests`.
 */
export class NumberedLoad {
  private readonly transport: Transport
  private isStopping = false
  private next = 0
  private succeeded = 0
  private slowestMs = 0
  private readonly latenciesMs: number[] = []
  private readonly failedIdempotent: string[] = []
  private readonly failedOther: string[] = []
  private readonly acknowledged = new Set<string>()
  private readonly servedBy = new Map<string, number>()
  private readonly loops: Promise<void>[]

  constructor(
    private readonly options: {
      port: number
      path: string
      connections: number
      postEvery: number
      maxRequests: number
      pauseMs?: number
      /** Numbers begin with it, where several loads number theirs. */
      prefix?: string
      /** HTTP/1.1 over `connections` kept-alive ones unless given. */
      transport?: Transport
    },
  ) {
    this.transport = options.transport ?? new Http1Transport(options.port, options.connections)
    this.loops = Array.from({ length: options.connections }, () => this.loop())
  }

  /** How many requests have been answered well so far. */
  get count(): number {
    return this.succeeded
  }

  /** What has failed so far. */
  get failures(): Pick<LoadResult, 'failedIdempotent' | 'failedOther'> {
    return { failedIdempotent: this.failedIdempotent, failedOther: this.failedOther }
  }

  async stop(): Promise<LoadResult> {
    this.isStopping = true
    await Promise.all(this.loops)
    this.transport.close()
    const { succeeded, failedIdempotent, failedOther, acknowledged, servedBy, slowestMs } = this
    const latenciesMs = this.latenciesMs.toSorted((a, b) => a - b)
    return { sent: this.next, succeeded, failedIdempotent, failedOther, acknowledged, servedBy, slowestMs, latenciesMs }
  }

  private async loop(): Promise<void> {
    while (!this.isStopping && this.next < this.options.maxRequests) {
      const number = `${this.options.prefix ?? ''}${++this.next}`
      const isPost = this.options.postEvery > 0 && this.next % this.options.postEvery === 0
      const startedAt = performance.now()
      const failure = await this.send(number, isPost)
      const tookMs = performance.now() - startedAt
      this.slowestMs = Math.max(this.slowestMs, tookMs)
      if (failure === null) {
        this.succeeded++
        this.latenciesMs.push(tookMs)
        if (isPost) this.acknowledged.add(number)
      } else (isPost ? this.failedOther : this.failedIdempotent).push(`${number}: ${failure}`)
      if (this.options.pauseMs !== undefined) await new Promise((resolve) => setTimeout(resolve, this.options.pauseMs))
    }
  }

  private send(number: string, isPost: boolean): Promise<string | null> {
    const headers = {
      'x-number': number,
      ...(isPost ? { 'content-type': 'text/plain', 'content-length': '3' } : {}),
    }
    const sent = { path: this.options.path, method: isPost ? 'POST' : 'GET', headers, body: isPost ? 'abc' : undefined }
    return this.transport.send(sent).then(
      ({ status, text }) => this.judge(number, status, text),
      (error: NodeJS.ErrnoException) => error.code ?? error.message,
    )
  }

  private judge(number: string, status: number, body: string): string | null {
    if (status !== 200) return `${status} ${body.slice(0, 300)}`
    const answer = JSON.parse(body) as { number: string; instance: string }
    if (answer.number !== number) return `got the answer to ${answer.number}`
    this.servedBy.set(answer.instance, (this.servedBy.get(answer.instance) ?? 0) + 1)
    return null
  }
}

class Http1Transport implements Transport {
  readonly #agent: Agent
  readonly #port: number

  constructor(port: number, connections: number) {
    this.#port = port
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections })
  }

  send({ path, method, headers, body }: Sent): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        { host: '127.0.0.1', port: this.#port, path, method, agent: this.#agent, headers, timeout: 30_000 },
        (response) => {
          let text = ''
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
          response.on('error', (error) => reject(new Error(`answer broke off: ${error.message}`)))
          response.on('end', () => resolve({ status: response.statusCode!, text }))
        },
      )
      outgoing.on('timeout', () => outgoing.destroy(new Error('timed out')))
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

/** What several loads saw, as one. */
export function togetherOf(results: readonly LoadResult[]): LoadResult {
  const sum = (of: (result: LoadResult) => number): number => results.reduce((total, result) => total + of(result), 0)
  return {
    sent: sum(({ sent }) => sent),
    succeeded: sum(({ succeeded }) => succeeded),
    failedIdempotent: results.flatMap(({ failedIdempotent }) => failedIdempotent),
    failedOther: results.flatMap(({ failedOther }) => failedOther),
    acknowledged: new Set(results.flatMap(({ acknowledged }) => [...acknowledged])),
    servedBy: new Map(results.flatMap(({ servedBy }) => [...servedBy])),
    slowestMs: Math.max(...results.map(({ slowestMs }) => slowestMs)),
    latenciesMs: results.flatMap(({ latenciesMs }) => latenciesMs).toSorted((a, b) => a - b),
  }
}
