import { type ClientHttp2Session, connect, constants } from 'node:http2'

/** Numbered POSTs over a few connections, many at a time on each; a connection that says GOAWAY is left for a new one, as any client does. */
export class Http2Load {
  answered = 0
  refused = 0
  sessions = 0
  readonly failed: string[] = []
  readonly #url: string
  readonly #ca: string | undefined
  readonly #clients: Promise<void>[]
  #isStopped = false
  #number = 0

  constructor(url: string, { connections, streams, ca }: { connections: number; streams: number; ca?: string }) {
    this.#url = url
    this.#ca = ca
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
        session = connect(this.#url, { ca: this.#ca })
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
