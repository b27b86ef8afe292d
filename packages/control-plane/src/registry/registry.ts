import { PandoError } from '@pando/model'
import type { Endpoint, GatewayConfig, GatewayReport, Lease, Registration } from '@pando/model'
import type { Clock } from '../clock.js'
import type { NewEvent } from '../events/events.js'
import type { Store } from '../store/store.js'
import type { Scope } from './change.js'
import { allGroups } from './eviction.js'
import { GatewayLedger } from './gateway-ledger.js'
import type { KnownGateway } from './gateway-ledger.js'
import { LeaseTable, leaseKey, sweepMs } from './lease-table.js'
import { defaultRegistryLimits, isSameEndpoint, toEndpoint } from './registration.js'
import type { RegistryLimits } from './registration.js'
import { WatchHub } from './watch-hub.js'
import type { Position, Watcher } from './watch-hub.js'

export interface RegistryOptions {
  readonly store: Store
  readonly clock: Clock
  /** Uniform in [0, 1): makes the epoch. */
  readonly random: () => number
  readonly emit: (event: NewEvent) => void
  /** Told of every report of a gateway. */
  readonly onReport?: (report: GatewayReport) => void
  readonly limits?: Partial<RegistryLimits>
}

export interface RegistryService {
  readonly name: string
  readonly endpoints: number
  readonly healthy: number
}

/** Where the names of the gateways that serve are kept, for the control plane that comes after this one. */
const gatewaysKey = 'registry.gateways'
/** Endings in one sweep above this are told in one event a service. */
const maxSingleEvents = 10

/**
 * Live endpoints: Pando's own instances, as the reconciler last said, and programs that registered themselves and live as long as
 * their leases. Whoever watches gets every change; gateways say back what they serve by.
 *
 * Leases are durable, renewals are not (they would be a write each): after a restart every holder has its whole time again, at least 10 s.
 */
export class Registry {
  readonly #store: Store
  readonly #clock: Clock
  readonly #emit: (event: NewEvent) => void
  readonly #onReport: (report: GatewayReport) => void
  readonly #limits: RegistryLimits
  readonly #hub: WatchHub
  readonly #leases: LeaseTable
  readonly #ledger: GatewayLedger
  /** The reconciler's last word, by id. */
  #own = new Map<string, Endpoint>()
  #registered = new Map<string, number>()
  #expected: readonly string[]
  #config = ''
  #watchers = 0
  readonly #drainListeners = new Set<(endpoint: string) => void>()
  readonly #reportListeners = new Set<(report: GatewayReport) => void>()
  #cancelSweep: (() => void) | null = null
  #isClosed = false

  constructor(options: RegistryOptions) {
    this.#store = options.store
    this.#clock = options.clock
    this.#emit = options.emit
    this.#onReport = options.onReport ?? (() => undefined)
    this.#limits = { ...defaultRegistryLimits, ...options.limits }
    const epoch = Array.from({ length: 12 }, () => Math.floor(options.random() * 36).toString(36)).join('')
    const now = options.clock.now()
    this.#hub = new WatchHub({ epoch })
    this.#leases = new LeaseTable({ clock: options.clock })
    this.#expected = (options.store.get('meta', gatewaysKey) as string[] | undefined) ?? []
    this.#ledger = new GatewayLedger({ epoch, expected: this.#expected, now })
    this.#restore()
  }

  get epoch(): string {
    return this.#hub.epoch
  }

  get version(): number {
    return this.#hub.version
  }

  /** All of Pando's own endpoints as they are to be now; what differs from before becomes one version. */
  sync(endpoints: readonly Endpoint[]): void {
    const next = new Map(endpoints.map((endpoint) => [endpoint.id, endpoint]))
    const set: Endpoint[] = []
    for (const endpoint of next.values()) {
      const before = this.#hub.get(endpoint.id)
      if (before?.source === 'self') this.#release(before)
      if (before === undefined || !isSameEndpoint(before, endpoint)) set.push(endpoint)
    }
    const removed = [...this.#own.keys()].filter((id) => !next.has(id))
    this.#own = next
    this.#publish(set, removed)
  }

  /**
   * What the gateways serve besides the endpoints. Nothing happens when it is the same as before. The first one lets gateways have their
   * first snapshot: so a control plane that comes back calls `sync` with what it adopted before, or they would serve an empty table.
   */
  setConfig(config: GatewayConfig): void {
    const text = JSON.stringify(config)
    if (text === this.#config) return
    this.#config = text
    this.#hub.publish({ config })
  }

  /** See `GatewayLedger`: true when no live gateway sends anything to it, has anything in flight to it, or may begin to. */
  isDrained(endpoint: string): boolean {
    return this.#ledger.isDrained(endpoint, this.#hub.get(endpoint) !== undefined)
  }

  /** Calls back, not from within another call, when an endpoint has become drained. Returns the way to end it. */
  onDrained(callback: (endpoint: string) => void): () => void {
    this.#drainListeners.add(callback)
    return () => this.#drainListeners.delete(callback)
  }

  /** Durable when it returns. The same again renews. Throws `usage`, `conflict` (the id is another's) or `limit_reached`. */
  register(service: string, id: string, registration: Registration): Lease {
    const endpoint = toEndpoint(service, id, registration)
    const ttlMs = Math.round(registration.ttl * 1_000)
    const before = this.#hub.get(id)
    this.#assertFree(endpoint, before)
    if (before === undefined) this.#assertRoom(service)
    const key = leaseKey(endpoint)
    const isSame = before !== undefined && isSameEndpoint(before, endpoint)
    if (!isSame || this.#leases.get(key)?.ttlMs !== ttlMs) {
      this.#store.put('lease', key, { endpoint, expiresAt: this.#clock.now() + ttlMs, ttlMs })
    }
    const kept = isSame ? before : endpoint
    const expiresAt = this.#leases.hold(kept, ttlMs)
    if (before === undefined) this.#count(service, 1)
    if (!isSame) this.#publish([endpoint], [])
    if (before === undefined) {
      const { host, port } = endpoint.address
      this.#emit({ kind: 'endpoint.registered', service, instance: id, message: `${id} registered at ${host}:${port}` })
    }
    this.#schedule()
    return { endpoint: kept, expiresAt }
  }

  /** Throws `not_found` when there is no such lease (any more): register again then. */
  renew(service: string, id: string): Lease {
    const key = leaseKey({ service, id })
    const expiresAt = this.#leases.renew(key)
    if (expiresAt === undefined) throw this.#unknown(service, id)
    return { endpoint: this.#leases.get(key)!.endpoint, expiresAt }
  }

  /** Throws `not_found` when there is no such lease. */
  deregister(service: string, id: string): void {
    const held = this.#leases.get(leaseKey({ service, id }))
    if (held === undefined) throw this.#unknown(service, id)
    this.#release(held.endpoint)
    this.#publish([], [id])
    this.#emit({ kind: 'endpoint.deregistered', service, instance: id, message: `${id} deregistered` })
  }

  services(): RegistryService[] {
    return this.#hub.services().map((name) => {
      const endpoints = this.#hub.endpoints(name)
      const healthy = endpoints.filter((endpoint) => endpoint.state === 'healthy').length
      return { name, endpoints: endpoints.length, healthy }
    })
  }

  /** By id; one service's, or all with null. */
  endpoints(service: string | null): Endpoint[] {
    return this.#hub.endpoints(service).sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** See `WatchHub.watch`. Throws `limit_reached` when there are too many watchers. */
  watch(scope: Scope, since: Position | null, onNews: () => void): Watcher {
    if (this.#watchers >= this.#limits.watchers) {
      throw new PandoError('limit_reached', `there are ${this.#watchers} watchers already, the most that are allowed`)
    }
    this.#watchers++
    const watcher = this.#hub.watch(scope, since, onNews)
    let isOpen = true
    return {
      next: watcher.next,
      heartbeat: watcher.heartbeat,
      close: () => {
        if (!isOpen) return
        isOpen = false
        this.#watchers--
        watcher.close()
      },
    }
  }

  /** A gateway says what it serves by. */
  report(report: GatewayReport): void {
    this.#ledger.report(report, this.#clock.now())
    this.#onReport(report)
    this.#settle()
    for (const listener of this.#reportListeners) listener(report)
  }

  /** Calls back with every report, when it has taken effect. Returns the way to end it. */
  onReport(callback: (report: GatewayReport) => void): () => void {
    this.#reportListeners.add(callback)
    return () => this.#reportListeners.delete(callback)
  }

  /** A gateway that names itself has opened its watch, or lost it. */
  gatewayConnected(gateway: string, isConnected: boolean): void {
    this.#ledger.connected(gateway, isConnected, this.#clock.now())
    this.#settle()
  }

  /** A gateway is known to have ended: nobody waits for it any more. */
  gatewayEnded(gateway: string): void {
    this.#ledger.ended(gateway)
    this.#settle()
  }

  /** Gateways that serve: their watch is open, or they were heard of in the last 10 s. */
  gateways(): KnownGateway[] {
    return this.#ledger.gateways(this.#clock.now())
  }

  /** Ends its timer. Records stay. */
  close(): void {
    this.#isClosed = true
    this.#cancelSweep?.()
    this.#cancelSweep = null
  }

  #restore(): void {
    const endpoints: Endpoint[] = []
    for (const { endpoint, ttlMs } of this.#store.all('lease').values()) {
      this.#leases.restore(endpoint, ttlMs)
      this.#count(endpoint.service, 1)
      endpoints.push(endpoint)
    }
    if (endpoints.length > 0) this.#publish(endpoints, [])
  }

  #publish(set: readonly Endpoint[], removed: readonly string[]): void {
    if (set.length > 0 || removed.length > 0) {
      const version = this.#hub.publish({ set, removed })
      for (const endpoint of set) {
        if (endpoint.state === 'draining') this.#ledger.drains(endpoint.id, version)
        else this.#ledger.serves(endpoint.id)
      }
      for (const id of removed) {
        if (this.#ledger.isDrained(id, true)) this.#ledger.forget(id)
        else this.#ledger.drains(id, version)
      }
    }
    this.#settle()
  }

  #settle(): void {
    const now = this.#clock.now()
    this.#ledger.forgetDead(now)
    this.#rememberGateways()
    const drained = this.#ledger.settle(now, (id) => this.#hub.get(id) !== undefined)
    if (drained.length > 0) this.#clock.after(0, () => this.#tellDrained(drained))
    this.#schedule()
  }

  #tellDrained(drained: readonly string[]): void {
    if (this.#isClosed) return
    for (const endpoint of drained) for (const listener of this.#drainListeners) listener(endpoint)
  }

  #rememberGateways(): void {
    const names = this.#ledger.names()
    if (names.length === this.#expected.length && names.every((name, index) => name === this.#expected[index])) return
    if (this.#write('the gateways', () => this.#store.put('meta', gatewaysKey, names))) this.#expected = names
  }

  #schedule(): void {
    if (this.#cancelSweep !== null || this.#isClosed) return
    if (this.#leases.size === 0 && !this.#ledger.isWaiting) return
    this.#cancelSweep = this.#clock.after(sweepMs, () => {
      this.#cancelSweep = null
      this.#sweep()
    })
  }

  #sweep(): void {
    const swept = this.#leases.sweep()
    if (swept !== null) {
      for (const { group, silent, all } of swept.newlyPaused) {
        const whose = group === allGroups ? 'all services' : group
        const message = `${silent} of ${all} registered endpoints of ${whose} fell silent together: they are kept until renewals return, for ten minutes at most`
        this.#emit({ kind: 'registry.eviction_paused', service: group === allGroups ? null : group, message })
      }
      for (const group of swept.resumed) {
        const whose = group === allGroups ? 'all services' : group
        const message = `enough endpoints of ${whose} are heard of again: those that stay silent leave the registry`
        this.#emit({ kind: 'registry.eviction_resumed', service: group === allGroups ? null : group, message })
      }
      if (swept.evicted.length > 0) this.#expire(swept.evicted)
    }
    this.#settle()
  }

  #expire(evicted: readonly Endpoint[]): void {
    // In the store they may stay when it has failed: a control plane that finds them there lets them expire again.
    this.#write('who has left the registry', () =>
      this.#store.transaction(() => {
        for (const endpoint of evicted) this.#store.delete('lease', leaseKey(endpoint))
      }),
    )
    for (const endpoint of evicted) this.#count(endpoint.service, -1)
    this.#publish(
      [],
      evicted.map((endpoint) => endpoint.id),
    )
    const services = new Map<string, string[]>()
    for (const { service, id } of evicted) {
      const ids = services.get(service)
      if (ids === undefined) services.set(service, [id])
      else ids.push(id)
    }
    for (const [service, ids] of services) {
      if (ids.length > maxSingleEvents) {
        this.#emit({
          kind: 'endpoint.expired',
          service,
          message: expired(`${ids.length} endpoints, ${ids[0]} among them,`),
        })
      } else {
        for (const id of ids) this.#emit({ kind: 'endpoint.expired', service, instance: id, message: expired(id) })
      }
    }
  }

  /** For writes that only spare the next control plane some work: false when the store has failed, which must not stop a timer. */
  #write(what: string, write: () => void): boolean {
    try {
      write()
      return true
    } catch (error) {
      this.#emit({ kind: 'fault', message: `could not write down ${what}: ${PandoError.from(error).message}` })
      return false
    }
  }

  /** Lets go of a lease, here and in the store; the table is the caller's. */
  #release(endpoint: Endpoint): void {
    const key = leaseKey(endpoint)
    this.#store.delete('lease', key)
    this.#leases.release(key)
    this.#count(endpoint.service, -1)
  }

  #count(service: string, by: number): void {
    const count = (this.#registered.get(service) ?? 0) + by
    if (count > 0) this.#registered.set(service, count)
    else this.#registered.delete(service)
  }

  #assertFree(endpoint: Endpoint, before: Endpoint | undefined): void {
    if (before === undefined) return
    if (before.source === 'pando') {
      throw new PandoError('conflict', `${endpoint.id} is an instance that Pando runs: it is registered already`)
    }
    if (before.service === endpoint.service) return
    throw new PandoError('conflict', `${endpoint.id} is registered as an endpoint of ${before.service}`, {
      hint: `Ids are unique over all services: take for example ${endpoint.service}-${endpoint.id}.`,
    })
  }

  #assertRoom(service: string): void {
    const { services, endpointsPerService, endpoints } = this.#limits
    const held = this.#registered.get(service) ?? 0
    if (held === 0 && this.#registered.size >= services) throw full(`${services} services`)
    if (held >= endpointsPerService) throw full(`${endpointsPerService} endpoints of ${service}`)
    if (this.#leases.size >= endpoints) throw full(`${endpoints} endpoints`)
  }

  #unknown(service: string, id: string): PandoError {
    const before = this.#hub.get(id)
    if (before?.source === 'pando')
      return new PandoError('conflict', `${id} is an instance that Pando runs: it needs no lease`)
    const elsewhere = before === undefined ? '' : ` (it is one of ${before.service})`
    return new PandoError('not_found', `no endpoint ${id} of ${service} is registered${elsewhere}`, {
      hint: 'Its lease may have ended: register it again.',
    })
  }
}

function full(what: string): PandoError {
  return new PandoError('limit_reached', `the registry holds ${what}, the most that are allowed`)
}

function expired(whose: string): string {
  return `${whose} did not renew in time and left the registry`
}
