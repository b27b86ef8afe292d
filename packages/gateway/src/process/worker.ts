import type { Server, Socket } from 'node:net'
import { type Listener, PandoError, type RoutingTable } from '@pando/model'
import type { DataPlane, Listen } from '../data-plane.js'
import { AcceptShare } from './accept-share.js'
import { type AcceptedHandle, acceptFromElsewhere, interceptAccepted } from './accepted-handle.js'
import type { ToPrimary, ToWorker } from './messages.js'
import type { Takeover } from './takeover.js'

/** The worker's end of the line to the primary: `process` of a forked process. */
export interface PrimaryLine {
  /** `handle` goes with the message, and is closed here once it is on its way. */
  send(message: ToPrimary, handle?: AcceptedHandle): void
  onMessage(callback: (message: ToWorker, handle: unknown) => void): void
  /** The primary is gone. */
  onDisconnect(callback: () => void): void
}

export interface WorkerOptions {
  readonly line: PrimaryLine
  readonly createPlane: (listen: Listen) => DataPlane
  /** Null: when the primary is gone the worker only drains. */
  readonly takeover: Pick<Takeover, 'succeeded'> | null
  /** Ends the process. */
  readonly exit: (code: number) => void
}

const statusPeriodMs = 1_000
const loadPeriodMs = 200
const untold = -1
/** When the primary is killed and there is a successor, what is in flight may still end. */
const orphanDrainMs = 10_000
/** A plane that has not closed so long after its time is stuck. */
const stuckMs = 2_000
/** The kernel cuts it to its own limit (net.core.somaxconn). */
const backlog = 4_096

/**
 * One worker: serves by the table that the primary sends, and says which version that is and what is still in flight to endpoints that
 * leave. Signals are the primary's business: those that a terminal or a supervisor sends to the whole group are ignored here.
 *
 * Invariant: a status speaks of the table applied last, and its counts were taken after that table was served by; from then on
 * the count of a leaving endpoint can only fall, so a zero is final.
 */
export function runWorker(options: WorkerOptions): void {
  const worker = new Worker(options)
  options.line.onMessage((message, handle) => worker.hear(message, handle))
  options.line.onDisconnect(() => void worker.orphaned())
  options.line.send({ type: 'ready' })
}

/** The line of a process that was forked. */
export function lineOf(host: NodeJS.Process): PrimaryLine {
  return {
    send: (message, handle) => {
      // Once the primary is gone nobody hears: the disconnect says so, an error of its own would end the drain.
      if (host.connected) host.send?.(message, handle as Socket | undefined, undefined, () => handle?.close())
      else handle?.close()
    },
    onMessage: (callback) => void host.on('message', callback as (message: unknown, handle: unknown) => void),
    onDisconnect: (callback) => void host.on('disconnect', callback),
  }
}

class Worker {
  readonly #options: WorkerOptions
  readonly #plane: DataPlane
  readonly #share = new AcceptShare()
  readonly #servers = new Map<string, Server>()
  readonly #awaited = new Map<string, { resolve: (handle: unknown) => void; reject: (error: Error) => void }>()
  #table: RoutingTable | null = null
  #listenerErrors: Readonly<Record<string, string>> = {}
  #hasLeaving = false
  /** Services that sleep and are waited for, as they were told last. */
  #toldHeld: readonly string[] = []
  /** The last status had ejected endpoints. */
  #toldEjected = false
  #toldTroubles = '{}'
  #toldConnections = 0
  #isDraining = false

  constructor(options: WorkerOptions) {
    this.#options = options
    this.#plane = options.createPlane((server, listener) => this.#listen(server, listener))
    this.#plane.onDrained(() => this.#status())
    this.#plane.onHeld?.(() => this.#noteHeld())
    this.#plane.onEjected?.(() => this.#status())
    this.#plane.onTaken?.((taken) => {
      if (this.#share.workers > 1) options.line.send({ type: 'taken', taken })
    })
    this.#plane.onWarnings?.(() => this.#status())
    setInterval(() => {
      const hasEjected = Object.keys(this.#plane.ejected?.() ?? {}).length > 0
      const hasChanged = JSON.stringify(this.#troubles()) !== this.#toldTroubles
      if (this.#hasLeaving || this.#toldHeld.length > 0 || hasEjected || this.#toldEjected || hasChanged) this.#status()
    }, statusPeriodMs).unref()
    setInterval(() => {
      const { connections } = this.#plane
      if (connections !== this.#toldConnections) options.line.send({ type: 'load', connections })
      this.#toldConnections = connections
    }, loadPeriodMs).unref()
  }

  hear(message: ToWorker, handle: unknown): void {
    switch (message.type) {
      case 'table':
        void this.#apply(message.table)
        return
      case 'endpoints': {
        // The primary sends these only to a worker that has a table.
        const table = this.#table as RoutingTable
        const endpoints = new Map(table.endpoints.map((endpoint) => [endpoint.id, endpoint]))
        for (const id of message.removed) endpoints.delete(id)
        for (const endpoint of message.set) endpoints.set(endpoint.id, endpoint)
        const { epoch, version } = message
        void this.#apply({ epoch, version, config: table.config, endpoints: [...endpoints.values()] })
        return
      }
      case 'listener': {
        const awaited = this.#awaited.get(message.name)
        this.#awaited.delete(message.name)
        if (message.error === null) awaited?.resolve(handle)
        else awaited?.reject(new PandoError('port_taken', message.error))
        return
      }
      case 'share':
        this.#share.workers = message.workers
        this.#share.mean = message.mean
        return
      case 'connection':
        this.#serve(message.listener, handle as AcceptedHandle | undefined)
        return
      case 'metrics':
        this.#options.line.send({ type: 'metrics', ask: message.ask, snapshot: this.#plane.metrics() })
        return
      case 'taken':
        this.#plane.noteTaken?.(message.taken)
        return
      case 'ticket_keys':
        this.#plane.setTicketKeys?.(Buffer.from(message.keys, 'base64'))
        return
      case 'reopen_logs':
        this.#plane.reopenLogs?.()
        return
      case 'drain':
        this.drain(message.timeoutMs, message.isReplaced)
    }
  }

  /** The primary was killed: serves on alone until its successor wants the sockets. */
  async orphaned(): Promise<void> {
    // There is nobody to give a connection to.
    this.#share.workers = 1
    const { takeover } = this.#options
    const servesOn = takeover !== null && this.#awaited.size === 0
    if (servesOn) await takeover.succeeded()
    this.drain(orphanDrainMs, servesOn)
  }

  drain(timeoutMs: number, isReplaced: boolean): void {
    if (this.#isDraining) return
    this.#isDraining = true
    // Nobody may be there to answer, and the plane closes only after it has opened what it was told to.
    for (const { reject } of this.#awaited.values()) reject(new PandoError('unavailable', 'the worker ends'))
    this.#awaited.clear()
    setTimeout(() => this.#options.exit(1), timeoutMs + stuckMs).unref()
    void this.#plane.close(timeoutMs, isReplaced).then(
      () => this.#options.exit(0),
      (error: unknown) => {
        this.#options.line.send({ type: 'log', message: `closing failed: ${String(error)}` })
        this.#options.exit(1)
      },
    )
  }

  /** A worker that drains has no use for it: then it goes back to where it came from, and on to another. */
  #serve(listener: string, client: AcceptedHandle | undefined): void {
    // The connection ended on its way here.
    if (client === undefined) return
    // The primary has counted it, and is to hear so also when it is not kept and the count is as it was.
    this.#toldConnections = untold
    const server = this.#servers.get(listener)
    if (server !== undefined && acceptFromElsewhere(server, client)) return
    this.#options.line.send({ type: 'connection', listener }, client)
  }

  async #apply(table: RoutingTable): Promise<void> {
    if (!this.#isDraining) {
      try {
        this.#listenerErrors = await this.#plane.apply(table)
      } catch (error) {
        // Ending would end every worker in turn, as each would be sent the same table: better to serve by the one before.
        const { epoch, version } = table
        this.#options.line.send({ type: 'refused', epoch, version, reason: String(error) })
        return
      }
    }
    this.#table = table
    this.#status()
  }

  /** The first request of each service is told at once; how many they become is told by the second. */
  #noteHeld(): void {
    const names = Object.keys(this.#plane.held?.() ?? {})
    if (names.some((name) => !this.#toldHeld.includes(name))) this.#status()
  }

  #status(): void {
    const table = this.#table
    if (table === null) return
    const leaving: Record<string, number> = {}
    const inFlight = this.#plane.inFlight()
    if (inFlight.size > 0) {
      const states = new Map(table.endpoints.map((endpoint) => [endpoint.id, endpoint.state]))
      for (const [id, count] of inFlight) {
        const state = states.get(id)
        if (count > 0 && (state === undefined || state === 'draining')) leaving[id] = count
      }
    }
    this.#hasLeaving = Object.keys(leaving).length > 0
    const held = this.#plane.held?.() ?? {}
    this.#toldHeld = Object.keys(held)
    const { epoch, version } = table
    const warnings = this.#plane.warnings?.() ?? {}
    const ejected = this.#plane.ejected?.() ?? {}
    this.#toldEjected = Object.keys(ejected).length > 0
    const troubles = this.#troubles()
    this.#toldTroubles = JSON.stringify(troubles)
    this.#options.line.send({
      type: 'status',
      epoch,
      version,
      listenerErrors: this.#listenerErrors,
      leaving,
      ...(this.#toldHeld.length === 0 ? {} : { held }),
      ...(this.#toldEjected ? { ejected } : {}),
      ...(Object.keys(warnings).length === 0 ? {} : { warnings }),
      ...troubles,
    })
  }

  /** What nobody calls back about, and is looked at once a second. */
  #troubles(): Pick<
    Extract<ToPrimary, { type: 'status' }>,
    'authenticatorWarnings' | 'storeWarnings' | 'openCircuits'
  > {
    const authenticatorWarnings = this.#plane.authenticatorWarnings?.() ?? {}
    const storeWarnings = this.#plane.storeWarnings?.() ?? {}
    const openCircuits = this.#plane.openCircuits?.() ?? []
    return {
      ...(Object.keys(authenticatorWarnings).length === 0 ? {} : { authenticatorWarnings }),
      ...(Object.keys(storeWarnings).length === 0 ? {} : { storeWarnings }),
      ...(openCircuits.length === 0 ? {} : { openCircuits }),
    }
  }

  /** The socket is the primary's: this worker listens on a copy of it, and the kernel gives each connection to one of the workers. */
  async #listen(server: Server, listener: Listener): Promise<void> {
    if (this.#isDraining) throw new PandoError('unavailable', 'the worker ends')
    const handle = await new Promise<unknown>((resolve, reject) => {
      this.#awaited.set(listener.name, { resolve, reject })
      this.#options.line.send({ type: 'listen', listener })
    })
    await new Promise<void>((resolve, reject) => {
      const onError = (error: Error) => reject(new PandoError('port_taken', error.message, { cause: error }))
      server.once('error', onError)
      server.listen(handle as Server, backlog, () => {
        server.off('error', onError)
        resolve()
      })
    })
    this.#servers.set(listener.name, server)
    interceptAccepted(server, (client) => {
      if (!this.#share.givesAway(this.#plane.connections)) return false
      this.#options.line.send({ type: 'connection', listener: listener.name }, client)
      return true
    })
  }
}
