import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import type { ListenerTls } from '@pando/model'
import { ticketKeyBytes } from './ticket-key-bytes.js'
import { TlsAcceptor, type TlsAcceptorOptions } from './tls-acceptor.js'

export interface TlsListenersOptions {
  readonly onFailed: () => void
  readonly onWarnings: () => void
  readonly now: () => number
}

type ListenerOptions = Pick<TlsAcceptorOptions, 'handshakeTimeoutMs' | 'onSecure' | 'onRefused' | 'onPlainHttp'>

/** The encrypted listeners of a worker, by name. */
export class TlsListeners {
  readonly #options: TlsListenersOptions
  readonly #acceptors = new Map<string, TlsAcceptor>()
  /** Of listeners that are closed, until their last handshakes are over. */
  readonly #leaving = new Set<TlsAcceptor>()
  /** A worker alone has its own; several are given the same, so that a client may come back to any of them. */
  #ticketKeys: Buffer = randomBytes(ticketKeyBytes)

  constructor(options: TlsListenersOptions) {
    this.#options = options
  }

  /** Handshakes under way. */
  get pending(): number {
    let pending = 0
    for (const acceptor of this.#acceptors.values()) pending += acceptor.pending
    for (const acceptor of this.#leaving) pending += acceptor.pending
    return pending
  }

  /** Opens it or configures it anew; resolves when its certificates have been read. */
  async set(listener: string, tls: ListenerTls, own: ListenerOptions): Promise<void> {
    const open = this.#acceptors.get(listener)
    if (open !== undefined) {
      await open.configure(tls)
      return
    }
    const { onFailed, onWarnings, now } = this.#options
    const acceptor = await TlsAcceptor.open(tls, {
      ...own,
      ticketKeys: this.#ticketKeys,
      onFailed,
      onWarnings,
      now,
    })
    this.#acceptors.set(listener, acceptor)
  }

  accept(listener: string, socket: Socket): void {
    const acceptor = this.#acceptors.get(listener)
    if (acceptor === undefined) socket.destroy()
    else acceptor.accept(socket)
  }

  /** The listener is closed; its handshakes go on. */
  remove(listener: string): void {
    const acceptor = this.#acceptors.get(listener)
    if (acceptor === undefined) return
    this.#acceptors.delete(listener)
    acceptor.close()
    for (const gone of this.#leaving) if (gone.pending === 0) this.#leaving.delete(gone)
    this.#leaving.add(acceptor)
  }

  /** What should be seen to, by listener; only those that have anything. */
  warnings(): Record<string, readonly string[]> {
    return Object.fromEntries(
      [...this.#acceptors].flatMap(([name, { warnings }]) => (warnings.length === 0 ? [] : [[name, warnings]])),
    )
  }

  setTicketKeys(keys: Buffer): void {
    this.#ticketKeys = keys
    for (const acceptor of this.#acceptors.values()) acceptor.setTicketKeys(keys)
  }

  /** Breaks off what is not encrypted yet. */
  cut(): void {
    for (const acceptor of [...this.#acceptors.values(), ...this.#leaving]) {
      acceptor.close()
      acceptor.cut()
    }
  }
}
