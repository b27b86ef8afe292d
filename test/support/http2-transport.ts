import { connect, type ClientHttp2Session } from 'node:http2'
import type { Answer, Sent, Transport } from './numbered-load.js'

/** HTTP/2 without TLS (RFC 9113 section 3.3): all requests are streams of one connection, and a new one follows one that was ended. */
export class Http2Transport implements Transport {
  readonly #origin: string
  #session: ClientHttp2Session | null = null

  constructor(port: number) {
    this.#origin = `http://127.0.0.1:${port}`
  }

  send({ path, method, headers, body }: Sent): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const stream = this.#open().request({ ':path': path, ':method': method, ...headers })
      let status = 0
      let text = ''
      stream.setTimeout(30_000, () => stream.destroy(new Error('timed out')))
      stream.on('response', (head) => (status = Number(head[':status'])))
      stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      stream.on('error', reject)
      // Without an answer it was reset: an error of its own does not always say so.
      stream.on('close', () =>
        status === 0 ? reject(new Error(`reset ${stream.rstCode}`)) : resolve({ status, text }),
      )
      stream.end(body)
    })
  }

  close(): void {
    this.#session?.destroy()
  }

  #open(): ClientHttp2Session {
    const before = this.#session
    if (before !== null && !before.closed && !before.destroyed) return before
    const session = connect(this.#origin)
    session.on('error', () => {})
    session.on('goaway', () => session.close())
    this.#session = session
    return session
  }
}
