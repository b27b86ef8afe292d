import { Agent, createServer, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An upstream that remembers every number it was sent, and holds back the answers to `/hold`. */
export class CountingUpstream {
  readonly seen = new Map<string, number>()
  readonly held: ServerResponse[] = []
  readonly #server: Server

  constructor() {
    this.#server = createServer((incoming, response) => {
      const path = incoming.url ?? ''
      this.seen.set(path, (this.seen.get(path) ?? 0) + 1)
      incoming.resume()
      incoming.on('end', () => {
        if (path.startsWith('/hold')) this.held.push(response)
        else response.end(path)
      })
    })
    this.#server.keepAliveTimeout = 60_000
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return (this.#server.address() as AddressInfo).port
  }

  /** Answers everything that is held. */
  release(): void {
    for (const response of this.held.splice(0)) response.end('held')
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

export interface LoadResult {
  readonly sent: number
  /** Answered with 200 and the own number. */
  readonly answered: number
  readonly wrong: readonly string[]
  /** Error codes, one a failed request. */
  readonly failed: readonly string[]
}

/**
 * Clients that send numbered requests one after the other until they are stopped, each number once: what fails is not sent again, so that the
 * upstream's count of a number is the gateway's doing alone.
 */
export class NumberedLoad {
  readonly #port: number
  readonly #method: string
  readonly #agent: Agent | false
  readonly #clients: Promise<void>[]
  readonly #wrong: string[] = []
  readonly #failed: string[] = []
  #sent = 0
  #answered = 0
  #isOver = false

  constructor(options: { port: number; clients: number; isKeepAlive: boolean; method?: string }) {
    this.#port = options.port
    this.#method = options.method ?? 'GET'
    this.#agent = options.isKeepAlive ? new Agent({ keepAlive: true, maxSockets: options.clients }) : false
    this.#clients = Array.from({ length: options.clients }, () => this.#run())
  }

  get answered(): number {
    return this.#answered
  }

  get failures(): number {
    return this.#failed.length
  }

  async stop(): Promise<LoadResult> {
    this.#isOver = true
    await Promise.all(this.#clients)
    if (this.#agent !== false) this.#agent.destroy()
    return { sent: this.#sent, answered: this.#answered, wrong: this.#wrong, failed: this.#failed }
  }

  async #run(): Promise<void> {
    while (!this.#isOver) await this.#send(`/n/${this.#sent++}`)
  }

  #send(path: string): Promise<void> {
    return new Promise((resolve) => {
      const fail = (error: NodeJS.ErrnoException) => {
        this.#failed.push(error.code ?? error.message)
        resolve()
      }
      const call = request(
        { host: '127.0.0.1', port: this.#port, path, method: this.#method, agent: this.#agent },
        (response) => {
          let body = ''
          response.setEncoding('utf8')
          response.on('data', (chunk: string) => (body += chunk))
          response.on('error', fail)
          response.on('end', () => {
            if (response.statusCode === 200 && body === path) this.#answered++
            else this.#wrong.push(`${path}: ${response.statusCode} ${body}`)
            resolve()
          })
        },
      )
      call.on('error', fail)
      call.end()
    })
  }
}
