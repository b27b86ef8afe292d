import type { ResponseEncoding } from '../http1/response-encoder.js'
import type { GatewayMetrics, ExchangeMetrics } from '../metrics/gateway-metrics.js'
import type { RoutePolicy } from '../policy/route-policy.js'
import type { HedgeRule } from '../resilience/hedge-rule.js'
import type { RetryRules } from '../resilience/retry-rules.js'
import type { CompiledMirror } from '../mirror/compiled-mirror.js'
import type { UpstreamService } from '../upstream.js'
import type { CompiledEdit } from './header-edit.js'
import type { CompiledRedirect, CompiledRewrite } from './rewrite.js'
import type { CompiledSizes } from './sizes.js'

export interface CompiledRouteOptions {
  readonly name: string
  readonly prefixLength: number
  readonly requestEdit: CompiledEdit | null
  readonly responseEdit: CompiledEdit | null
  readonly rewrite: CompiledRewrite | null
  readonly redirect: CompiledRedirect | null
  readonly requestTimeoutMs: number | null
  readonly backendRequestTimeoutMs: number | null
  readonly backends: readonly { readonly service: UpstreamService; readonly weight: number }[]
  /** What a request has to pass, in order. */
  readonly policies: readonly RoutePolicy[]
  readonly retry: RetryRules | null
  /** When a slow read is tried a second time; null: never. */
  readonly hedge: HedgeRule | null
  readonly sizes: CompiledSizes
  /** Where copies of its requests go; null: nowhere. */
  readonly mirror: CompiledMirror | null
  /** What becomes of the bodies of answers; null: nothing. */
  readonly encoding: ResponseEncoding | null
  readonly metrics: GatewayMetrics
}

/** One match of one route with all that serving it needs, ready as bytes and handles. Immutable. */
export class CompiledRoute {
  readonly name: string
  readonly nameBytes: Uint8Array
  /** How many bytes of the path a prefix rewrite (or redirect) replaces. */
  readonly prefixLength: number
  readonly requestEdit: CompiledEdit | null
  readonly responseEdit: CompiledEdit | null
  readonly rewrite: CompiledRewrite | null
  readonly redirect: CompiledRedirect | null
  /** Whole exchange, milliseconds; null takes the gateway's limit. */
  readonly requestTimeoutMs: number | null
  /** One try until the head of its response, milliseconds; null has none. */
  readonly backendRequestTimeoutMs: number | null
  readonly policies: readonly RoutePolicy[]
  /** When a request may be sent again; null takes the gateway's rules. */
  readonly retry: RetryRules | null
  /** When a slow read is tried a second time; null: never. */
  readonly hedge: HedgeRule | null
  readonly sizes: CompiledSizes
  readonly mirror: CompiledMirror | null
  readonly encoding: ResponseEncoding | null
  /** For exchanges that reach no service: redirects and errors. */
  readonly metrics: ExchangeMetrics
  readonly #services: readonly UpstreamService[]
  readonly #exchanges: readonly ExchangeMetrics[]
  /** Sums of the weights up to and including each service. */
  readonly #sums: Float64Array

  constructor(options: CompiledRouteOptions) {
    this.name = options.name
    this.nameBytes = Buffer.from(options.name)
    this.prefixLength = options.prefixLength
    this.requestEdit = options.requestEdit
    this.responseEdit = options.responseEdit
    this.rewrite = options.rewrite
    this.redirect = options.redirect
    this.requestTimeoutMs = options.requestTimeoutMs
    this.backendRequestTimeoutMs = options.backendRequestTimeoutMs
    this.policies = options.policies
    this.retry = options.retry
    this.hedge = options.hedge
    this.sizes = options.sizes
    this.mirror = options.mirror
    this.encoding = options.encoding
    this.metrics = options.metrics.exchange(options.name, '')
    const weighted = options.backends.filter((backend) => backend.weight > 0)
    this.#services = weighted.map((backend) => backend.service)
    this.#exchanges = weighted.map((backend) => options.metrics.exchange(options.name, backend.service.name))
    this.#sums = new Float64Array(weighted.length)
    let sum = 0
    weighted.forEach((backend, index) => {
      sum += backend.weight
      this.#sums[index] = sum
    })
  }

  /** The service for one request, by weight; null when no backend takes traffic. `random` gives numbers in [0, 1). */
  pickService(random: () => number = Math.random): UpstreamService | null {
    const services = this.#services
    const count = services.length
    if (count === 1) return services[0]
    if (count === 0) return null
    const point = random() * this.#sums[count - 1]
    let index = 0
    while (index < count - 1 && point >= this.#sums[index]) index++
    return services[index]
  }

  /** Where exchanges of this route with that service are counted. */
  metricsFor(service: UpstreamService): ExchangeMetrics {
    const index = this.#services.indexOf(service)
    return index < 0 ? this.metrics : this.#exchanges[index]
  }
}
