import type { GatewayReport } from '@pando/model'

/** A gateway as the control plane knows it. */
export interface KnownGateway {
  readonly gateway: string
  /** Its last report in this control plane's life; null when it is only known from the life before. */
  readonly report: GatewayReport | null
  /** Unix time, ms. */
  readonly lastSeen: number
  /** How many watches it has open now: a new one may open before the old one is seen to have closed. */
  readonly watches: number
}

/** Without a watch and without a report for so long, a gateway is taken for dead. */
export const gatewayTimeoutMs = 10_000

/**
 * Which gateways serve, what they serve by, and hence which endpoints nobody sends anything to any more.
 *
 * An endpoint is drained when every live gateway serves by a version in which it drains or is gone, and has nothing in flight to
 * it. With no gateway known there is nobody to wait for. Gateways of the life before count as live, and as serving everything,
 * until they have reported or their time is over: a control plane that comes back must not cut what they have in flight.
 */
export class GatewayLedger {
  readonly #epoch: string
  readonly #gateways = new Map<string, KnownGateway>()
  /** Draining and removed endpoints that are not known to be drained, with the version in which it began. */
  readonly #pending = new Map<string, number>()
  readonly #drained = new Set<string>()

  constructor(options: { readonly epoch: string; readonly expected: readonly string[]; readonly now: number }) {
    this.#epoch = options.epoch
    for (const gateway of options.expected) {
      this.#gateways.set(gateway, { gateway, report: null, lastSeen: options.now, watches: 0 })
    }
  }

  /** Every live gateway, by name. */
  gateways(now: number): KnownGateway[] {
    return [...this.#gateways.values()]
      .filter((known) => isLive(known, now))
      .sort((a, b) => (a.gateway < b.gateway ? -1 : 1))
  }

  report(report: GatewayReport, now: number): void {
    const watches = this.#gateways.get(report.gateway)?.watches ?? 0
    this.#gateways.set(report.gateway, { gateway: report.gateway, report, lastSeen: now, watches })
  }

  /** It has opened a watch, or lost one. */
  connected(gateway: string, isConnected: boolean, now: number): void {
    const known = this.#gateways.get(gateway)
    const watches = Math.max(0, (known?.watches ?? 0) + (isConnected ? 1 : -1))
    this.#gateways.set(gateway, { gateway, report: known?.report ?? null, lastSeen: now, watches })
  }

  forgetDead(now: number): void {
    for (const known of this.#gateways.values()) if (!isLive(known, now)) this.#gateways.delete(known.gateway)
  }

  /** The endpoint drains, or is gone, since `version`. Said again, it changes nothing. */
  drains(endpoint: string, version: number): void {
    if (this.#drained.has(endpoint) || this.#pending.has(endpoint)) return
    this.#pending.set(endpoint, version)
  }

  /** The endpoint takes new requests (again). */
  serves(endpoint: string): void {
    this.#pending.delete(endpoint)
    this.#drained.delete(endpoint)
  }

  /** The endpoint has left the table; its being drained need not be remembered. */
  forget(endpoint: string): void {
    this.#drained.delete(endpoint)
  }

  /** True when nobody sends anything to it; endpoints that were never in the table are nobody's. */
  isDrained(endpoint: string, isInTable: boolean): boolean {
    if (this.#pending.has(endpoint)) return false
    return this.#drained.has(endpoint) || !isInTable
  }

  /** Works out anew who is drained; returns those who have just become so. */
  settle(now: number, isInTable: (endpoint: string) => boolean): string[] {
    if (this.#pending.size === 0) return []
    const live = this.gateways(now)
    const drained: string[] = []
    for (const [endpoint, version] of this.#pending) {
      if (!live.every((known) => this.#hasLetGo(known, endpoint, version))) continue
      drained.push(endpoint)
      this.#pending.delete(endpoint)
      if (isInTable(endpoint)) this.#drained.add(endpoint)
    }
    return drained
  }

  get isWaiting(): boolean {
    return this.#pending.size > 0
  }

  /** Names of all that are not known to be dead, sorted. */
  names(): string[] {
    return [...this.#gateways.keys()].sort()
  }

  ended(gateway: string): void {
    this.#gateways.delete(gateway)
  }

  #hasLetGo(known: KnownGateway, endpoint: string, version: number): boolean {
    const { report } = known
    if (report === null || report.epoch !== this.#epoch) return false
    const inFlight = Object.hasOwn(report.draining, endpoint) ? report.draining[endpoint] : 0
    return report.applied >= version && inFlight === 0
  }
}

function isLive(known: KnownGateway, now: number): boolean {
  // A clock that was set back would otherwise keep a dead gateway for as long as it was set back.
  return known.watches > 0 || Math.abs(now - known.lastSeen) < gatewayTimeoutMs
}
