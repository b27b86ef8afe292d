import { connect } from 'node:net'
import type { UpstreamEndpoint } from '../upstream.js'
import type { CompiledMirror } from './compiled-mirror.js'
import { RequestCopy } from './request-copy.js'

/** Copies under way in one worker; further ones are left out, so that a mirror that hangs costs no more than these. */
export const mostCopies = 128
const mostMs = 10_000
const closeLine = Buffer.from('Connection: close\r\n\r\n')

export interface MirrorsOptions {
  /** In [0, 1). */
  readonly random: () => number
  /** Milliseconds on the clock of `UpstreamService.pick`. */
  readonly now: () => number
  /** A copy goes to the endpoint, and is over when the result is called. */
  readonly hold: (endpoint: UpstreamEndpoint) => () => void
}

/**
 * Sends copies of requests to other services, each on a connection of its own, and drops what they answer. Whatever happens to a copy, the
 * request does not notice: nothing waits for it, it is sent once, and its endpoint is not judged by it.
 */
export class Mirrors {
  readonly #options: MirrorsOptions
  #copies = 0

  constructor(options: MirrorsOptions) {
    this.#options = options
  }

  /** A copy to be filled, when chance wants one of this request. */
  begin(mirror: CompiledMirror, head: Uint8Array): RequestCopy | null {
    if (mirror.share < 1 && this.#options.random() >= mirror.share) return null
    return new RequestCopy(mirror, this, head)
  }

  send({ service, metrics }: CompiledMirror, parts: readonly Buffer[]): void {
    if (this.#copies >= mostCopies) {
      metrics.leftOut.inc()
      return
    }
    const endpoint = service.pick(null, this.#options.now())
    const [head, ...body] = parts
    if (endpoint === null || head === undefined) {
      metrics.failed.inc()
      return
    }
    this.#copies++
    const release = this.#options.hold(endpoint)
    const socket = connect({ host: endpoint.host, port: endpoint.port, noDelay: true })
    let hasAnswered = false
    const deadline = setTimeout(() => socket.destroy(), mostMs).unref()
    socket.on('error', () => {})
    socket.on('data', () => {
      hasAnswered = true
    })
    socket.on('close', () => {
      clearTimeout(deadline)
      this.#copies--
      if (hasAnswered) metrics.sent.inc()
      else metrics.failed.inc()
      release()
    })
    // The answer's end is the connection's, so nothing of it has to be understood.
    socket.write(Buffer.concat([head.subarray(0, head.length - 2), closeLine, ...body]))
  }
}
