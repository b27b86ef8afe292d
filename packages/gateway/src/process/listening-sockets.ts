import { lookup } from 'node:dns/promises'
import * as net from 'node:net'
import { getSystemErrorName } from 'node:util'
import type { Address, Listener } from '@pando/model'

/** A bound socket of the process' own that nothing here accepts from. */
export interface ListeningSocket {
  close(): void
  getsockname(out: { address?: string; port?: number }): number
}

/** Binds without listening; a number is the system's error. It is what node:cluster itself opens its shared sockets with. */
type CreateServerHandle = (host: string, port: number, family: 4 | 6) => ListeningSocket | number

/** A successor of a primary that was killed makes its workers let go of the ports by this. */
export interface Predecessors {
  announce(): void
}

/** How long ports that are taken are tried for, once those who may have them were told: they close them in a few milliseconds. */
const letGoMs = 500
const tryEveryMs = 5

export type Bound =
  | { readonly socket: ListeningSocket; readonly address: Address; readonly error: null }
  | { readonly socket: null; readonly error: string }

/**
 * The sockets of all listeners. The primary binds each once and holds it as long as the table has the listener; workers listen
 * on copies of it. So the kernel's queue of waiting connections outlives every worker: were all of them killed at once, what connects
 * meanwhile waits for the next one and is not refused. node:cluster closes a shared socket when its last worker goes.
 *
 * It leans on `net._createServerHandle`, undocumented but unchanged since Node 0.10; a test holds it on every version of Node.
 */
export class ListeningSockets {
  readonly #create: CreateServerHandle
  readonly #predecessors: Predecessors | null
  readonly #sockets = new Map<string, Promise<Bound>>()
  readonly #addresses = new Map<string, Address>()
  /** Only once in a life: whoever holds a port after that is no predecessor. As `performance.now` says; null before. */
  #mayLetGoUntil: number | null = null

  constructor(predecessors: Predecessors | null = null, create: CreateServerHandle | undefined = systemCreate()) {
    if (create === undefined) throw new TypeError('this version of Node cannot bind a socket without accepting from it')
    this.#create = create
    this.#predecessors = predecessors
  }

  /** The listener's socket, bound now if it was not; a bind that failed is tried anew each time. */
  async get(listener: Listener): Promise<Bound> {
    const key = keyOf(listener)
    const before = this.#sockets.get(key)
    if (before !== undefined) return before
    const opening = this.#bind(listener.address)
    this.#sockets.set(key, opening)
    const bound = await opening
    if (this.#sockets.get(key) !== opening) return bound
    if (bound.error === null) this.#addresses.set(listener.name, bound.address)
    else this.#sockets.delete(key)
    return bound
  }

  /** Where each listener is really bound, by name: the port is the system's choice where the table says 0. */
  addresses(): Readonly<Record<string, Address>> {
    return Object.fromEntries(this.#addresses)
  }

  /** Closes what is no listener's any more. */
  keep(listeners: readonly Listener[]): void {
    const wanted = new Set(listeners.map(keyOf))
    const names = new Set(listeners.map((listener) => listener.name))
    for (const name of this.#addresses.keys()) if (!names.has(name)) this.#addresses.delete(name)
    for (const [key, opening] of this.#sockets) {
      if (wanted.has(key)) continue
      this.#sockets.delete(key)
      void opening.then((bound) => bound.socket?.close())
    }
  }

  close(): void {
    this.keep([])
  }

  async #bind(address: Address): Promise<Bound> {
    const { host, port } = address
    let ip = host
    if (net.isIP(host) === 0) {
      try {
        ip = (await lookup(host)).address
      } catch (error) {
        return { socket: null, error: `the host ${host} has no address: ${(error as Error).message}` }
      }
    }
    for (;;) {
      const bound = this.#bindTo(host, ip, port)
      if (bound !== null) return bound
      if (!this.#mayBeLetGo()) return { socket: null, error: describe(host, port, 'EADDRINUSE') }
      await new Promise((resolve) => setTimeout(resolve, tryEveryMs))
    }
  }

  #mayBeLetGo(): boolean {
    if (this.#predecessors === null) return false
    if (this.#mayLetGoUntil === null) {
      this.#predecessors.announce()
      this.#mayLetGoUntil = performance.now() + letGoMs
    }
    return performance.now() < this.#mayLetGoUntil
  }

  /** Null when the address is in use. */
  #bindTo(host: string, ip: string, port: number): Bound | null {
    const socket = this.#create(ip, port, net.isIPv6(ip) ? 6 : 4)
    if (typeof socket === 'number') {
      const code = getSystemErrorName(socket)
      return code === 'EADDRINUSE' ? null : { socket: null, error: describe(host, port, code) }
    }
    const out: { address?: string; port?: number } = {}
    socket.getsockname(out)
    // libuv keeps "address in use" back until listen, where the kernel would choose another port for the socket that is still unbound.
    if (out.port === undefined || out.port === 0 || (port !== 0 && out.port !== port)) {
      socket.close()
      return null
    }
    return { socket, address: { host, port: out.port }, error: null }
  }
}

function systemCreate(): CreateServerHandle | undefined {
  return (net as unknown as { _createServerHandle?: CreateServerHandle })._createServerHandle
}

/** With the name: two listeners on one address must not share a socket in silence, the second one's bind has to fail. */
function keyOf({ name, address }: Listener): string {
  return `${address.host} ${address.port} ${name}`
}

function describe(host: string, port: number, code: string): string {
  switch (code) {
    case 'EADDRINUSE':
      return `port ${port} on ${host} is taken by another process`
    case 'EACCES':
      return `port ${port} on ${host} may not be opened by this user`
    case 'EADDRNOTAVAIL':
      return `${host} is no address of this machine`
    default:
      return `port ${port} on ${host} could not be opened: ${code}`
  }
}
