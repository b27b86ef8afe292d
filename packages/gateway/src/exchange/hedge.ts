import type { UpstreamEndpoint } from '../upstream-endpoint.js'
import type { ExchangeUpstream, ExchangeUpstreams, UpstreamUser } from '../http1/exchange-upstream.js'
import type { SecondTry } from './second-try.js'
import type { Traffic } from '../http1/traffic.js'

/** A read as it was sent; its bytes do not change. */
export interface SentRead {
  readonly bytes: Uint8Array
  readonly takesTrailers: boolean
}

/**
 * A second try of a read whose first one is slow, at another endpoint. Whichever answers first is the request's, the other one is ended. It has no body,
 * and bytes of its own to send, as the exchange's may change.
 *
 * Invariant: `endpoint` is counted in flight from `start` until the upstream is given away or destroyed.
 */
export class Hedge implements UpstreamUser {
  readonly requestBody = { isDone: true }
  readonly requestTrailers = null
  readonly takesTrailers: boolean
  readonly #owner: SecondTry
  readonly #traffic: Traffic
  readonly #bytes: Uint8Array
  #upstream: ExchangeUpstream | null = null

  constructor(owner: SecondTry, traffic: Traffic, { bytes, takesTrailers }: SentRead) {
    this.#owner = owner
    this.#traffic = traffic
    this.#bytes = bytes
    this.takesTrailers = takesTrailers
  }

  /** False when the endpoint has no connection to give. */
  start(endpoint: UpstreamEndpoint, connections: ExchangeUpstreams): boolean {
    const upstream = connections.obtain(this, 0)
    if (upstream === null) return false
    endpoint.acquire()
    this.#upstream = upstream
    if (upstream.isConnected) this.onConnected()
    return true
  }

  /** Its upstream, whose user is to be set next; whoever takes it releases its endpoint, once it counts it in flight by itself. */
  give(): ExchangeUpstream | null {
    const upstream = this.#upstream
    this.#upstream = null
    return upstream
  }

  /** Nobody wants its answer. */
  cancel(): void {
    const upstream = this.give()
    if (upstream === null) return
    upstream.destroy()
    this.#traffic.release(upstream.endpoint)
  }

  onConnected(): void {
    this.#upstream?.sendRequest(this.#bytes, this.#bytes.length)
    this.#upstream?.endRequest()
  }

  onResponseBytes(bytes: Uint8Array, at: number, end: number): void {
    const upstream = this.give()
    if (upstream !== null) this.#owner.onAnswer(upstream).onResponseBytes(bytes, at, end)
  }

  onConnectFailure(): void {
    this.#fail()
  }

  onUpstreamEnd(): void {
    this.#fail()
  }

  onUpstreamRefused(): void {
    this.#fail()
  }

  onUpstreamInvalid(): void {
    this.#fail()
  }

  onUpstreamClosed(): void {
    this.#fail()
  }

  onUpstreamDrain(): void {
    // A head without a body has nothing more to send.
  }

  #fail(): void {
    this.cancel()
    this.#owner.onFailure()
  }
}
