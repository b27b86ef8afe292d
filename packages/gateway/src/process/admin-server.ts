import { chmodSync, unlinkSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { PandoError } from '@pando/model'

/** What the gateway tells those who may open its socket; each answer is made when it is asked for. */
export interface AdminAnswers {
  /** Prometheus' text format. */
  metrics(): Promise<string>
  readiness(): { readonly isReady: boolean; readonly detail: unknown }
  table(): unknown
}

/** A unix socket's address holds 107 bytes on Linux and a closing zero byte (unix(7)). */
export function isSocketPath(path: string): boolean {
  return Buffer.byteLength(path) <= 107
}

/**
 * `GET /metrics`, `/ready` and `/table` on a unix socket of mode 0600. A socket file that nobody answers on is what a killed gateway left
 * behind and is replaced; one that is answered on belongs to a gateway that runs: then this one must not.
 */
export class AdminServer {
  readonly #path: string
  readonly #server: Server

  constructor(path: string, answers: AdminAnswers) {
    this.#path = path
    this.#server = createServer((incoming, response) => {
      void answer(incoming.method ?? '', incoming.url ?? '', answers, response)
    })
  }

  async open(): Promise<void> {
    try {
      await this.#listen()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
      if (await isAnswered(this.#path)) {
        throw new PandoError('conflict', `another gateway runs in this state directory (it answers on ${this.#path})`, {
          hint: 'stop that one first, or choose another --state-dir',
        })
      }
      unlinkSync(this.#path)
      await this.#listen()
    }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    // Node removes the socket's file itself.
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      // The file must never be there with a wider mode, not even until the chmod.
      const before = process.umask(0o177)
      try {
        this.#server.listen(this.#path, () => {
          this.#server.off('error', reject)
          chmodSync(this.#path, 0o600)
          resolve()
        })
      } finally {
        process.umask(before)
      }
    })
  }
}

async function answer(method: string, url: string, answers: AdminAnswers, response: ServerResponse): Promise<void> {
  if (method !== 'GET' && method !== 'HEAD') {
    send(response, 405, 'text/plain; charset=utf-8', 'only GET is answered here\n')
    return
  }
  switch (url.split('?', 1)[0]) {
    case '/metrics':
      send(response, 200, 'text/plain; version=0.0.4; charset=utf-8', await answers.metrics())
      return
    case '/ready': {
      const { isReady, detail } = answers.readiness()
      send(response, isReady ? 200 : 503, 'application/json', `${JSON.stringify(detail)}\n`)
      return
    }
    case '/table': {
      const table = answers.table()
      send(response, table === null ? 503 : 200, 'application/json', `${JSON.stringify(table)}\n`)
      return
    }
    default:
      send(response, 404, 'text/plain; charset=utf-8', '/metrics, /ready and /table are answered here\n')
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
