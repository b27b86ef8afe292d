import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import type { ListenerTls } from '@pando/model'
import type { CertifiedClient } from '../http1/forwarded-lines.js'
import { Certificates } from './certificates.js'
import { certifiedClient, clientMistake } from './client-certificate.js'
import { rawSocketOf } from './raw-socket.js'

/** Handshakes under way at the same time in one worker; each that is not over yet costs memory, and half of what it costs is the server's to pay. */
const mostHandshakes = 1_024
const lookMs = 1_000
/** OpenSSL knows the beginnings of GET, HEAD, POST, PUT and CONNECT, a newer one of more, and has sent nothing itself then. */
const plainHttpErrors = ['ERR_SSL_HTTP_REQUEST', 'ERR_SSL_HTTPS_PROXY_REQUEST']

export interface TlsAcceptorOptions {
  readonly handshakeTimeoutMs: number
  readonly ticketKeys: Buffer
  /** Its connection is encrypted now; null: it has shown no certificate. */
  readonly onSecure: (socket: TLSSocket, client: CertifiedClient | null) => void
  /** One that may not go on, and why. */
  readonly onRefused: (socket: TLSSocket, detail: string) => void
  /** A request came instead of a handshake; nothing more is read of it. */
  readonly onPlainHttp: (raw: Socket) => void
  readonly onFailed: () => void
  /** `warnings` has changed. */
  readonly onWarnings: () => void
  /** Unix time, milliseconds. */
  readonly now: () => number
}

/**
 * Encrypts what one listener accepts. The server inside never listens: accepted connections are handed to it, whichever process accepted them,
 * and it is replaced whole when a certificate changes; handshakes that are under way end by the one they began with.
 */
export class TlsAcceptor {
  readonly #options: TlsAcceptorOptions
  /** Handshakes under way, each with what its connection's end is told to meanwhile: a listener less for each that waits for a request later. */
  readonly #handshaking = new Map<Socket, () => void>()
  #tls: ListenerTls
  #certificates: Certificates
  #server: Server | null = null
  #ticketKeys: Buffer
  #warnings: readonly string[] = []
  #looking: NodeJS.Timeout
  #isClosed = false

  private constructor(tls: ListenerTls, options: TlsAcceptorOptions) {
    this.#options = options
    this.#tls = tls
    this.#certificates = new Certificates(tls)
    this.#ticketKeys = options.ticketKeys
    this.#looking = this.#lookLater()
  }

  /** Resolves when the files have been read. */
  static async open(tls: ListenerTls, options: TlsAcceptorOptions): Promise<TlsAcceptor> {
    const acceptor = new TlsAcceptor(tls, options)
    await acceptor.#read(acceptor.#certificates)
    return acceptor
  }

  /** Handshakes under way. */
  get pending(): number {
    return this.#handshaking.size
  }

  /** What should be seen to. */
  get warnings(): readonly string[] {
    return this.#warnings
  }

  /** The configuration has changed. Until its files have been read, the one before goes on. */
  async configure(tls: ListenerTls): Promise<void> {
    if (JSON.stringify(tls) === JSON.stringify(this.#tls)) return
    const certificates = new Certificates(tls)
    this.#tls = tls
    this.#certificates = certificates
    await this.#read(certificates)
  }

  setTicketKeys(keys: Buffer): void {
    this.#ticketKeys = keys
    this.#certificates.build(keys)
    this.#renew()
  }

  /** Takes a connection that nothing has been read from. */
  accept(raw: Socket): void {
    const server = this.#server
    if (server === null || this.#isClosed) {
      this.#options.onFailed()
      raw.destroy()
      return
    }
    if (this.#handshaking.size >= mostHandshakes) this.#dropOldest()
    const onClose = (): void => {
      if (this.#handshaking.delete(raw)) this.#options.onFailed()
    }
    this.#handshaking.set(raw, onClose)
    raw.on('error', ignore)
    raw.on('close', onClose)
    server.emit('connection', raw)
  }

  /** Looks at files no more; handshakes under way go on. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.#looking)
  }

  /** Breaks handshakes off. */
  cut(): void {
    for (const raw of this.#handshaking.keys()) raw.destroy()
  }

  /** A client that is there ends its handshake in moments; those that fill the room with silence make way for it. */
  #dropOldest(): void {
    const [oldest] = this.#handshaking.keys()
    if (oldest === undefined) return
    this.#handshaking.delete(oldest)
    this.#options.onFailed()
    oldest.destroy()
  }

  #forget(raw: Socket): void {
    const onClose = this.#handshaking.get(raw)
    if (onClose !== undefined) raw.off('close', onClose)
    this.#handshaking.delete(raw)
  }

  async #read(certificates: Certificates): Promise<void> {
    await certificates.look(this.#ticketKeys, true)
    if (certificates === this.#certificates) this.#renew()
    this.#warn()
  }

  #lookLater(): NodeJS.Timeout {
    return setTimeout(() => void this.#look(), lookMs).unref()
  }

  async #look(): Promise<void> {
    const certificates = this.#certificates
    const isNew = await certificates.look(this.#ticketKeys)
    if (this.#isClosed) return
    if (isNew && certificates === this.#certificates) this.#renew()
    this.#warn()
    this.#looking = this.#lookLater()
  }

  #warn(): void {
    const warnings = this.#certificates.warnings(this.#options.now())
    if (warnings.join('\n') === this.#warnings.join('\n')) return
    this.#warnings = warnings
    this.#options.onWarnings()
  }

  /** Makes the server of what the certificates are now. */
  #renew(): void {
    const { contexts } = this.#certificates
    if (contexts === null) {
      this.#server = null
      return
    }
    const { clientAuth, alpn } = this.#tls
    const server = createServer({
      ...contexts.options,
      ALPNProtocols: [...alpn],
      handshakeTimeout: this.#options.handshakeTimeoutMs,
      requestCert: clientAuth !== null,
      // One that is not trusted is answered, so that its owner learns why; `#onSecure` sees to it.
      rejectUnauthorized: false,
      SNICallback: (name, callback) => callback(null, contexts.names.find(name) ?? undefined),
    })
    server.on('secureConnection', (socket) => this.#onSecure(socket, clientAuth))
    server.on('tlsClientError', (error, socket) => this.#onMistake(error, socket))
    this.#server = server
  }

  /** The client's mistake: 'close' of the connection counts it. */
  #onMistake(error: NodeJS.ErrnoException, socket: TLSSocket): void {
    const raw = plainHttpErrors.includes(error.code ?? '') ? rawSocketOf(socket) : null
    if (raw === null) socket.destroy()
    else this.#options.onPlainHttp(raw)
  }

  #onSecure(socket: TLSSocket, clientAuth: ListenerTls['clientAuth']): void {
    const raw = rawSocketOf(socket)
    if (raw !== null) this.#forget(raw)
    if (clientAuth === null) {
      this.#options.onSecure(socket, null)
      return
    }
    const mistake = clientMistake(socket, clientAuth.mode === 'require')
    if (mistake !== null) this.#options.onRefused(socket, mistake)
    else this.#options.onSecure(socket, certifiedClient(socket.getPeerX509Certificate()))
  }
}

function ignore(): void {}
