import { type ClientHttp2Session, connect, constants } from 'node:http2'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { config, edge, endpoint, Sandbox, table, waitUntil } from './gateway-process.js'
import { CountingUpstream } from './numbered-load.js'

let sandbox: Sandbox
let upstream: CountingUpstream
let upstreamPort = 0

beforeEach(async () => {
  sandbox = new Sandbox()
  upstream = new CountingUpstream()
  upstreamPort = await upstream.listen()
})

afterEach(async () => {
  await sandbox.close()
  await upstream.close()
})

/** Numbered POSTs over a few connections, many at a time on each; a connection that says GOAWAY is left for a new one, as any client does. */
class Http2Load {
  answered = 0
  refused = 0
  sessions = 0
  readonly failed: string[] = []
  readonly #port: number
  readonly #clients: Promise<void>[]
  #isStopped = false
  #number = 0

  constructor(port: number, { connections, streams }: { connections: number; streams: number }) {
    this.#port = port
    this.#clients = Array.from({ length: connections }, () => {
      const connection: { session: ClientHttp2Session | null } = { session: null }
      return Promise.all(Array.from({ length: streams }, () => this.#run(connection))).then(() =>
        connection.session?.close(),
      )
    })
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all(this.#clients)
  }

  async #run(connection: { session: ClientHttp2Session | null }): Promise<void> {
    while (!this.#isStopped) {
      let { session } = connection
      if (session === null || session.closed || session.destroyed) {
        session = connect(`http://127.0.0.1:${this.#port}`)
        session.on('error', () => {})
        connection.session = session
        this.sessions++
      }
      const path = `/${this.#number++}`
      try {
        const body = await ask(session, path)
        if (body === path) this.answered++
        else this.failed.push(`${path} was answered ${body}`)
      } catch (error) {
        // RFC 9113 section 8.7: nothing of it was done, it may be sent again.
        const isRefused = /REFUSED_STREAM|reset with 7/.test((error as Error).message)
        if (isRefused) this.refused++
        else this.failed.push(`${path}: ${(error as Error).message}`)
      }
    }
  }
}

function ask(session: ClientHttp2Session, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'POST', ':path': path }, { endStream: false })
    let text = ''
    stream.setEncoding('utf8')
    stream.on('data', (chunk: string) => (text += chunk))
    stream.on('error', reject)
    stream.on('close', () => {
      if (stream.rstCode === constants.NGHTTP2_NO_ERROR) resolve(text)
      else reject(new Error(`reset with ${stream.rstCode}`))
    })
    stream.end('x'.repeat(100))
  })
}

it('fails and doubles no request of HTTP/2 clients when the workers are replaced', async () => {
  const gateway = await sandbox.startStatic(table(1, [endpoint('u1', upstreamPort)], config([edge(0)])), 2)
  const { pids, listeners } = await gateway.until()
  const load = new Http2Load(listeners['edge']?.port ?? 0, { connections: 4, streams: 8 })
  await waitUntil(() => load.answered > 500)
  gateway.child.kill('SIGUSR2')
  await gateway.until(({ ready, pids: now }) => ready && now.length === 2 && !now.some((pid) => pids.includes(pid)))
  const { answered } = load
  await waitUntil(() => load.answered > answered + 200)
  await load.stop()
  expect(load.failed).toEqual([])
  // Every connection had to be left.
  expect(load.sessions).toBeGreaterThanOrEqual(8)
  expect([...upstream.seen].filter(([, times]) => times > 1)).toEqual([])
}, 60_000)
