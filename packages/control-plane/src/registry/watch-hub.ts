import type { Endpoint, GatewayConfig } from '@pando/model'
import { ChangeHistory } from './change-history.js'
import { coalesce, narrow } from './change.js'
import type { Change, Removal, Scope } from './change.js'

/** Where a watcher left off, as in `?since=EPOCH:VERSION`. */
export interface Position {
  readonly epoch: string
  readonly version: number
}

/**
 * The table as watchers see it: every publish is one version; any number of watchers follow, each at its own pace.
 *
 * Invariants. A watcher owns no queue: it is the last version it was given and the version since which something is new to it, so a slow
 * one costs two numbers. What it gets next is worked out when it asks: the changes since then folded into one, or a snapshot
 * when the history no longer reaches that far; so it can be late, never wrong. Messages are made once and shared by all
 * watchers of the same scope at the same position. A publish costs its own size and one call to each waiting watcher of its services.
 */
export class WatchHub {
  readonly epoch: string
  readonly #history: ChangeHistory
  readonly #services = new Map<string, Map<string, Endpoint>>()
  readonly #byId = new Map<string, Endpoint>()
  readonly #audiences = new Map<string, Audience>()
  #config: GatewayConfig | undefined

  constructor(options: { readonly epoch: string; readonly maxChanges?: number; readonly maxItems?: number }) {
    this.epoch = options.epoch
    this.#history = new ChangeHistory({ maxChanges: options.maxChanges ?? 4_096, maxItems: options.maxItems ?? 50_000 })
  }

  get version(): number {
    return this.#history.version
  }

  get config(): GatewayConfig | undefined {
    return this.#config
  }

  get(id: string): Endpoint | undefined {
    return this.#byId.get(id)
  }

  /** Names of the services that have endpoints. */
  services(): string[] {
    return [...this.#services.keys()].sort()
  }

  /** One service's endpoints, or all. */
  endpoints(service: string | null): Endpoint[] {
    return [...(service === null ? this.#byId : (this.#services.get(service) ?? new Map<string, Endpoint>())).values()]
  }

  /** Makes one version of it and calls those who wait for it. Nothing is compared: what is given counts as changed. */
  publish(news: {
    readonly set?: readonly Endpoint[]
    readonly removed?: readonly string[]
    readonly config?: GatewayConfig
  }): number {
    const set = news.set ?? []
    const removed: Removal[] = []
    for (const id of news.removed ?? []) this.#take(id, removed)
    for (const endpoint of set) this.#place(endpoint, removed)
    if (news.config !== undefined) this.#config = news.config
    const change: Change = { set, removed, ...(news.config === undefined ? {} : { config: news.config }) }
    const version = this.#history.append(change)
    this.#call(change, version)
    return version
  }

  /**
   * A new watcher. `since`: it has that much already; it goes on from there when it can, and else begins with a snapshot.
   * `onNews` is called once each time that `next` has something again after it had nothing.
   */
  watch(scope: Scope, since: Position | null, onNews: () => void): Watcher {
    const key = `${scope.hasConfig ? 'c' : 'e'}:${scope.service ?? ''}`
    let audience = this.#audiences.get(key)
    if (audience === undefined) this.#audiences.set(key, (audience = new Audience(scope)))
    const isKnown = since !== null && since.epoch === this.epoch && this.#history.after(since.version) !== null
    const watcher: WatcherState = {
      onNews,
      given: isKnown ? since.version : -1,
      newSince: isKnown && since.version === this.version ? null : isKnown ? since.version : -1,
    }
    audience.watchers.add(watcher)
    const here = audience
    return {
      next: () => this.#next(here, watcher),
      heartbeat: () => Buffer.from(heartbeatLine(watcher.given < 0 ? (since?.version ?? 0) : watcher.given)),
      close: () => {
        here.watchers.delete(watcher)
        if (here.watchers.size === 0 && this.#audiences.get(key) === here) this.#audiences.delete(key)
      },
    }
  }

  #next(audience: Audience, watcher: WatcherState): Uint8Array | null {
    const { newSince, given } = watcher
    if (newSince === null) return null
    watcher.newSince = null
    // A gateway cannot serve by endpoints alone: its first word waits for the first configuration.
    if (audience.scope.hasConfig && this.#config === undefined) return null
    const changes = newSince < 0 || given < 0 ? null : this.#history.after(newSince)
    const line =
      changes === null
        ? audience.line(this.version, 'snapshot', () => this.#snapshotLine(audience.scope))
        : audience.line(this.version, `${given}:${newSince}`, () => {
            const news = narrow(coalesce(changes), audience.scope)
            return news === null ? null : changeLine(given, this.version, news)
          })
    if (line !== null) watcher.given = this.version
    return line
  }

  #snapshotLine(scope: Scope): string {
    const endpoints = this.endpoints(scope.service).map(endpointJson).join(',')
    const config = scope.hasConfig && this.#config !== undefined ? `,"config":${JSON.stringify(this.#config)}` : ''
    return `{"type":"snapshot","epoch":${JSON.stringify(this.epoch)},"version":${this.version},"endpoints":[${endpoints}]${config}}\n`
  }

  #take(id: string, removed: Removal[]): void {
    const before = this.#byId.get(id)
    if (before === undefined) return
    this.#byId.delete(id)
    const service = this.#services.get(before.service)
    service?.delete(id)
    if (service?.size === 0) this.#services.delete(before.service)
    removed.push({ id, service: before.service })
  }

  #place(endpoint: Endpoint, removed: Removal[]): void {
    const before = this.#byId.get(endpoint.id)
    if (before !== undefined && before.service !== endpoint.service) this.#take(endpoint.id, removed)
    this.#byId.set(endpoint.id, endpoint)
    let service = this.#services.get(endpoint.service)
    if (service === undefined) this.#services.set(endpoint.service, (service = new Map<string, Endpoint>()))
    service.set(endpoint.id, endpoint)
  }

  #call(change: Change, version: number): void {
    const keys = new Set<string>()
    for (const { service } of [...change.set, ...change.removed]) {
      for (const key of ['e:', 'c:', `e:${service}`, `c:${service}`]) keys.add(key)
    }
    if (change.config !== undefined) {
      for (const key of this.#audiences.keys()) if (key.startsWith('c:')) keys.add(key)
    }
    for (const key of keys) this.#audiences.get(key)?.wake(version)
  }
}

export interface Watcher {
  /** The next line to send (JSON and a newline, shared with other watchers: not to be written into), null when there is nothing new. */
  next(): Uint8Array | null
  /** A heartbeat line with the version that this watcher was given last, or came with when it was given none. */
  heartbeat(): Uint8Array
  close(): void
}

interface WatcherState {
  readonly onNews: () => void
  /** The version of the last message given; -1 before the first. */
  given: number
  /** Something it wants has happened after this version; -1: it needs a snapshot; null: it has all. */
  newSince: number | null
}

/** All watchers of one scope, and the lines made for the newest version, by position. */
class Audience {
  readonly scope: Scope
  readonly watchers = new Set<WatcherState>()
  readonly #lines = new Map<string, Uint8Array | null>()
  #linesOf = -1

  constructor(scope: Scope) {
    this.scope = scope
  }

  wake(version: number): void {
    for (const watcher of this.watchers) {
      if (watcher.newSince !== null) continue
      watcher.newSince = version - 1
      watcher.onNews()
    }
  }

  line(version: number, position: string, make: () => string | null): Uint8Array | null {
    if (this.#linesOf !== version) this.#lines.clear()
    this.#linesOf = version
    const made = this.#lines.get(position)
    if (made !== undefined) return made
    const text = make()
    const line = text === null ? null : Buffer.from(text)
    // Stragglers at many different positions are served without being kept: the crowd is at one or two.
    if (this.#lines.size < 16) this.#lines.set(position, line)
    return line
  }
}

/** An endpoint is serialised once in its life, as it is never changed but replaced. */
const jsonOf = new WeakMap<Endpoint, string>()

function endpointJson(endpoint: Endpoint): string {
  let json = jsonOf.get(endpoint)
  if (json === undefined) jsonOf.set(endpoint, (json = JSON.stringify(endpoint)))
  return json
}

function changeLine(
  from: number,
  version: number,
  news: { set: readonly Endpoint[]; removed: readonly string[]; config?: GatewayConfig },
): string {
  const config = news.config === undefined ? '' : `,"config":${JSON.stringify(news.config)}`
  const set = news.set.map(endpointJson).join(',')
  return `{"type":"change","from":${from},"version":${version},"set":[${set}],"removed":${JSON.stringify(news.removed)}${config}}\n`
}

function heartbeatLine(version: number): string {
  return `{"type":"heartbeat","version":${version}}\n`
}
