import { randomInt } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import { type EjectedEndpoint, type Listener, type ListenerTls, PandoError, type RoutingTable } from '@pando/model'
import { guardOf } from './listener-guard.js'
import { AccessLog } from './access-log.js'
import { ConnectionsByClient } from './client-address/connections-by-client.js'
import type { DataPlane, Listen, MetricsSnapshot } from './data-plane.js'
import { ClientConnection, refuseConnection, turnAway } from './http1/client-connection.js'
import type { ListenerInfo } from './http1/exchange-client.js'
import { forwardedLinesOf } from './http1/forwarded-lines.js'
import { Http2Connection } from './http2/http2-connection.js'
import { gatewayPolicies } from './policy/gateway-policies.js'
import type { Policies } from './policy/policies.js'
import { Traffic } from './http1/traffic.js'
import { TlsListeners } from './tls/tls-listeners.js'
import { GatewayMetrics } from './metrics/gateway-metrics.js'
import { RateLimits } from './rate-limit/rate-limits.js'
import type { Taken } from './rate-limit/worker-shares.js'
import { type CompiledTable, compileTable } from './route-table/compile.js'
import { systemWheelClock, TimerWheel, type WheelClock } from './timer-wheel.js'
import { TunnelConnection } from './tunnel/tunnel-connection.js'

export interface HttpDataPlaneOptions {
  readonly clock?: WheelClock
  /** Told of troubles that stop nothing, such as an access log that cannot be written. */
  readonly onTrouble?: (message: string) => void
  /** What routes may ask of their requests; all that there is when left out. */
  readonly policies?: Policies
  /** How a server comes to listen; by itself when left out. */
  readonly listen?: Listen
}

/**
 * In a drain, a connection without a request is closed only after so long: one that was just accepted has its first request on the way, and a
 * busy client's next one comes within milliseconds and is answered with `Connection: close`. Closing at once would reset both.
 */
const politeMs = 500

interface OpenListener {
  readonly spec: Listener
  readonly server: Server
  readonly info: { -readonly [Key in keyof ListenerInfo]: ListenerInfo[Key] }
}

/** Routes HTTP/1.1 by host and path on edge listeners, and carries each mesh listener's traffic to its one service. */
export class HttpDataPlane implements DataPlane {
  readonly #wheel: TimerWheel
  readonly #metrics = new GatewayMetrics()
  readonly #onTrouble: (message: string) => void
  readonly #listen: Listen
  readonly #rateLimits: RateLimits
  readonly #policies: Policies
  readonly #listeners = new Map<string, OpenListener>()
  readonly #drainCallbacks: ((endpoint: string) => void)[] = []
  #onHeld: () => void = () => {}
  #onEjected: () => void = () => {}
  #onWarnings: () => void = () => {}
  readonly #tls: TlsListeners
  readonly #byClient = new ConnectionsByClient()
  readonly #tunnels = new Set<TunnelConnection>()
  #traffic: Traffic | null = null
  #table: CompiledTable | null = null
  #applying: Promise<unknown> = Promise.resolve()
  #isClosing = false

  constructor(options: HttpDataPlaneOptions = {}) {
    this.#wheel = new TimerWheel(options.clock ?? systemWheelClock)
    this.#onTrouble = options.onTrouble ?? (() => {})
    this.#listen = options.listen ?? listenAlone
    this.#rateLimits = new RateLimits({
      now: () => Math.floor(performance.now()),
      seed: () => randomInt(2 ** 31),
      onUncounted: () => this.#metrics.rateLimitStoreFailures.inc(),
      onTrouble: (message) => this.#onTrouble(message),
    })
    this.#policies =
      options.policies ?? gatewayPolicies(this.#rateLimits, this.#metrics, (message) => this.#onTrouble(message))
    this.#tls = new TlsListeners({
      onFailed: () => this.#metrics.handshakesFailed.inc(),
      onWarnings: () => this.#onWarnings(),
      now: () => Date.now(),
    })
  }

  apply(table: RoutingTable): Promise<Readonly<Record<string, string>>> {
    const compiled = compileTable(table, this.#table, this.#metrics, this.#policies)
    this.#table = compiled
    for (const problem of compiled.problems) this.#onTrouble(problem)
    if (this.#traffic === null) {
      this.#traffic = new Traffic(compiled, this.#wheel)
      this.#traffic.onHeld = () => this.#onHeld()
      this.#traffic.onEjected = () => this.#onEjected()
      this.#traffic.onTrouble = (message) => this.#onTrouble(message)
      this.#traffic.onDrained = (endpoint) => {
        for (const callback of this.#drainCallbacks) callback(endpoint)
      }
    } else {
      this.#traffic.swap(compiled)
    }
    this.#byClient.configure(table.config)
    this.#openLog(this.#traffic, table.config.accessLog)
    // Listeners of two tables are not opened and closed at the same time, or both might want one port.
    const opened = this.#applying.then(() => this.#openListeners(table.config.listeners))
    this.#applying = opened
    return opened
  }

  inFlight(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const { id, inFlight } of this.#traffic?.endpoints ?? []) {
      if (inFlight > 0) counts.set(id, (counts.get(id) ?? 0) + inFlight)
    }
    return counts
  }

  get connections(): number {
    return (this.#traffic?.clients.size ?? 0) + this.#tunnels.size + this.#tls.pending
  }

  onDrained(callback: (endpoint: string) => void): void {
    this.#drainCallbacks.push(callback)
  }

  held(): Readonly<Record<string, number>> {
    return this.#traffic?.held() ?? {}
  }

  ejected(): Readonly<Record<string, EjectedEndpoint>> {
    return this.#traffic?.ejected() ?? {}
  }

  onEjected(callback: () => void): void {
    this.#onEjected = callback
  }

  onHeld(callback: () => void): void {
    this.#onHeld = callback
  }

  onTaken(callback: (taken: Taken) => void): void {
    this.#rateLimits.shares.onTaken = callback
  }

  noteTaken(taken: Taken): void {
    this.#rateLimits.shares.hear(taken)
  }

  warnings(): Readonly<Record<string, readonly string[]>> {
    return this.#tls.warnings()
  }

  authenticatorWarnings(): Readonly<Record<string, readonly string[]>> {
    return this.#policies.warnings()
  }

  storeWarnings(): Readonly<Record<string, readonly string[]>> {
    return this.#rateLimits.storeWarnings()
  }

  openCircuits(): readonly string[] {
    return this.#traffic?.openCircuits() ?? []
  }

  onWarnings(callback: () => void): void {
    this.#onWarnings = callback
  }

  setTicketKeys(keys: Buffer): void {
    this.#tls.setTicketKeys(keys)
  }

  metrics(): MetricsSnapshot {
    this.#traffic?.countServices()
    return this.#metrics.snapshot()
  }

  reopenLogs(): void {
    this.#traffic?.accessLog?.reopen()
  }

  /** Where a listener accepts, for one that was asked for port 0; null when it is not open. */
  address(listener: string): { host: string; port: number } | null {
    const address = this.#listeners.get(listener)?.server.address()
    return typeof address === 'object' && address !== null ? { host: address.address, port: address.port } : null
  }

  async close(timeoutMs: number, isReplaced = false): Promise<void> {
    this.#isClosing = true
    await this.#applying
    for (const { server } of this.#listeners.values()) server.close()
    this.#listeners.clear()
    const traffic = this.#traffic
    if (traffic !== null) {
      const until = performance.now() + timeoutMs
      traffic.isClosing = true
      traffic.isEnding = !isReplaced
      for (const client of traffic.clients) client.drain()
      await this.#whenQuiet(Math.min(performance.now() + politeMs, until))
      for (const client of traffic.clients) if (client.isIdle) client.close()
      await this.#whenQuiet(until)
      for (const client of traffic.clients) client.cut()
      for (const tunnel of this.#tunnels) tunnel.cut()
      this.#tls.cut()
      for (const endpoint of traffic.endpoints) endpoint.pool?.close()
      await traffic.accessLog?.close()
      traffic.accessLog = null
    }
    this.#policies.close()
    this.#wheel.stop()
  }

  /** Resolves when no client is left, or when it is `until` (as `performance.now` says). */
  #whenQuiet(until: number): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.connections === 0 || performance.now() >= until) resolve()
        else setTimeout(look, 20)
      }
      look()
    })
  }

  async #openListeners(wanted: readonly Listener[]): Promise<Record<string, string>> {
    if (this.#isClosing) return {}
    const errors: Record<string, string> = {}
    const byName = new Map(wanted.map((listener) => [listener.name, listener]))
    const closing: Promise<void>[] = []
    for (const [name, open] of this.#listeners) {
      if (isSame(open.spec, byName.get(name))) continue
      this.#listeners.delete(name)
      this.#tls.remove(name)
      closing.push(new Promise((resolve) => stopListening(open.server, resolve)))
    }
    await Promise.all(closing)
    await Promise.all(
      wanted.map(async (listener) => {
        try {
          const open = this.#listeners.get(listener.name)
          if (open === undefined) await this.#open(listener)
          else await this.#configure(open, listener)
        } catch (error) {
          errors[listener.name] = describeListenError(error as NodeJS.ErrnoException, listener)
        }
      }),
    )
    return errors
  }

  /** The listener goes on accepting where it does; what it serves by may be new. */
  async #configure(open: OpenListener, listener: Listener): Promise<void> {
    if (listener.kind !== 'edge') return
    open.info.redirectPort = listener.redirectPort ?? null
    if (listener.tls !== undefined) await this.#openTls(open.info, listener.tls)
  }

  async #openTls(info: ListenerInfo, tls: ListenerTls): Promise<void> {
    const traffic = this.#traffic as Traffic
    await this.#tls.set(info.name, tls, {
      handshakeTimeoutMs: traffic.limits.headTimeoutMs,
      onSecure: (socket, client) => {
        if (socket.alpnProtocol === 'h2') void new Http2Connection(socket, info, traffic, { client })
        else void new ClientConnection(socket, info, traffic, client)
      },
      onRefused: (socket, detail) => {
        const reason = 'client_certificate'
        const refusal = { kind: 'problem', reason, detail } as const
        if (socket.alpnProtocol === 'h2') void new Http2Connection(socket, info, traffic, { refusal })
        else refuseConnection(socket, { reason, detail, listener: info, traffic })
      },
      onPlainHttp: (raw) => {
        const listener = { isMesh: info.isMesh, isSecure: false }
        const detail = `Plain HTTP came to port ${info.port}, which is encrypted.`
        refuseConnection(raw, { reason: 'plain_http', detail, listener, traffic })
      },
    })
  }

  async #open(listener: Listener): Promise<void> {
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true })
    const edge = listener.kind === 'edge' ? listener : null
    const { port } = listener.address
    const isMesh = listener.kind === 'mesh'
    const isSecure = edge?.tls !== undefined
    const forwardedLines = forwardedLinesOf({ isMesh, isSecure, port })
    const redirectPort = edge?.redirectPort ?? null
    const info = { name: listener.name, port, isMesh, isSecure, redirectPort, forwardedLines }
    if (edge?.tls !== undefined) await this.#openTls(info, edge.tls)
    // Before it listens: a connection may wait in the socket already.
    const isWelcome = guardOf(listener)
    server.on('connection', (socket: Socket) => {
      if (isWelcome(socket.remoteAddress)) this.#accept(socket, listener, info)
      else socket.destroy()
    })
    await this.#listen(server, listener)
    // An accept that fails (too many open files) is over with itself; the server goes on.
    server.on('error', (error) => this.#onTrouble(`listener ${listener.name}: ${error.message}`))
    const bound = server.address()
    if (typeof bound === 'object' && bound !== null) {
      info.port = bound.port
      info.forwardedLines = forwardedLinesOf(info)
    }
    this.#listeners.set(listener.name, { spec: listener, server, info })
  }

  #accept(socket: Socket, listener: Listener, info: ListenerInfo): void {
    const traffic = this.#traffic as Traffic
    const { maxConnections } = traffic.limits
    const service = listener.kind === 'mesh' ? traffic.table.services.get(listener.service) : undefined
    const isTunnel = service !== undefined && service.protocol !== 'http' && !service.isFramed
    const why = { listener: info, traffic, isReadable: !isTunnel && !info.isSecure }
    // First of all: who has too many shall not have others' closed for one more.
    if (!info.isMesh && !this.#byClient.admit(socket)) {
      const detail = `${this.#byClient.most} connections from this address are open.`
      turnAway(socket, { ...why, reason: 'too_many_connections_of_client', detail })
    } else if (this.connections >= maxConnections && !traffic.closeIdle()) {
      turnAway(socket, { ...why, reason: 'too_many_connections', detail: `${maxConnections} connections are open.` })
    } else if (isTunnel) {
      const tunnel = new TunnelConnection(socket, service, traffic, () => this.#tunnels.delete(tunnel))
      this.#tunnels.add(tunnel)
    } else if (info.isSecure) {
      this.#tls.accept(listener.name, socket)
    } else {
      void new ClientConnection(socket, info, traffic)
    }
  }

  #openLog(traffic: Traffic, path: string | null): void {
    if (path === this.#logPath) return
    this.#logPath = path
    void traffic.accessLog?.close()
    traffic.accessLog =
      path === null
        ? null
        : new AccessLog({
            path,
            wheel: this.#wheel,
            dropped: this.#metrics.accessLogDropped,
            onError: (error) => this.#onTrouble(`access log: ${error.message}`),
          })
  }

  #logPath: string | null = null
}

function isSame(open: Listener, wanted: Listener | undefined): boolean {
  return (
    wanted !== undefined &&
    wanted.kind === open.kind &&
    wanted.address.host === open.address.host &&
    wanted.address.port === open.address.port &&
    isEncrypted(wanted) === isEncrypted(open) &&
    (wanted.kind !== 'mesh' || open.kind !== 'mesh' || (wanted.service === open.service && wanted.from === open.from))
  )
}

function isEncrypted(listener: Listener): boolean {
  return listener.kind === 'edge' && listener.tls !== undefined
}

/** The port is free once this has called back; connections that were accepted go on. */
function stopListening(server: Server, callback: () => void): void {
  server.close()
  // 'close' waits for the connections; the listening socket itself is closed within a turn of the event loop.
  setImmediate(() => setImmediate(callback))
}

/** Binds a socket of this process' own. */
function listenAlone(server: Server, { address }: Listener): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: address.host, port: address.port, backlog: 4096 }, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
}

function describeListenError(error: NodeJS.ErrnoException, listener: Listener): string {
  if (error instanceof PandoError) return error.message
  const place = `${listener.address.host}:${listener.address.port}`
  if (error.code === 'EADDRINUSE') return `${place} is taken by another program`
  if (error.code === 'EACCES') return `no right to listen on ${place}`
  if (error.code === 'EADDRNOTAVAIL') return `this machine has no address ${listener.address.host}`
  return `cannot listen on ${place}: ${error.message}`
}
