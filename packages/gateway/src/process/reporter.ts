import { request } from 'node:http'
import type { GatewayReport } from '@pando/model'

const periodMs = 2_000
const timeoutMs = 2_000

export interface ReporterOptions {
  /** The report as of now, null while there is nothing to say. */
  readonly make: () => GatewayReport | null
  /** The control plane has this one. */
  readonly onTaken: (report: GatewayReport) => void
}

/**
 * Sends reports to the control plane: at once when `send` says that there is news, and every two seconds anyway. One at a time; news
 * that comes while one is under way goes with the next, which is made when it leaves. A report that is lost is made good by the next.
 */
export class Reporter {
  readonly #controlSocket: string
  readonly #options: ReporterOptions
  readonly #period: NodeJS.Timeout
  #isSending = false
  #hasNews = false

  constructor(controlSocket: string, options: ReporterOptions) {
    this.#controlSocket = controlSocket
    this.#options = options
    this.#period = setInterval(() => this.send(), periodMs)
  }

  send(): void {
    if (this.#isSending) {
      this.#hasNews = true
      return
    }
    const report = this.#options.make()
    if (report === null) return
    this.#isSending = true
    this.#hasNews = false
    const body = Buffer.from(JSON.stringify(report))
    const call = request({
      socketPath: this.#controlSocket,
      path: '/v1/gateway/report',
      method: 'POST',
      headers: { host: 'pando', 'content-type': 'application/json', 'content-length': body.length },
      agent: false,
      timeout: timeoutMs,
    })
    // An error needs no word: while the control plane is away, the watch says so.
    call.on('error', () => {})
    call.on('timeout', () => call.destroy())
    call.on('response', (response) => {
      if (response.statusCode === 204) this.#options.onTaken(report)
      response.resume()
    })
    call.on('close', () => {
      this.#isSending = false
      if (this.#hasNews) this.send()
    })
    call.end(body)
  }

  stop(): void {
    clearInterval(this.#period)
    this.#hasNews = false
  }
}
