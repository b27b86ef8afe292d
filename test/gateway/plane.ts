import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener, type Server as HttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { HttpDataPlane } from '@pando/gateway'
import type { Endpoint, GatewayConfig, GatewayLimits, Listener, RouteSpec, RoutingTable } from '@pando/model'
import { afterEach } from 'vitest'

export const limits: GatewayLimits = {
  maxTargetBytes: 8 * 1024,
  maxHeadBytes: 32 * 1024,
  maxHeaders: 100,
  maxBodyBytes: 0,
  headTimeoutMs: 10_000,
  keepAliveTimeoutMs: 60_000,
  idleTimeoutMs: 30_000,
  requestTimeoutMs: 0,
  connectTimeoutMs: 2_000,
  maxConnections: 1_000,
  maxConnectionsPerEndpoint: 100,
  maxPending: 100,
  pendingTimeoutMs: 5_000,
  maxRetries: 2,
}

export const edge: Listener = { kind: 'edge', name: 'edge', address: { host: '127.0.0.1', port: 0 } }

export function route(name: string, service: string, path: string, extra: Partial<RouteSpec> = {}): RouteSpec {
  return {
    name,
    hosts: [],
    matches: [{ path: { type: 'prefix', value: path }, method: null, headers: [], query: [] }],
    filters: [],
    backends: [{ service, weight: 1 }],
    timeouts: { requestMs: null, backendRequestMs: null },
    ...extra,
  }
}

export function endpoint(service: string, port: number, extra: Partial<Endpoint> = {}): Endpoint {
  return {
    id: `${service}-${port}`,
    service,
    address: { host: '127.0.0.1', port },
    state: 'healthy',
    revision: null,
    weight: 100,
    metadata: {},
    source: 'self',
    ...extra,
  }
}

export interface TableOptions {
  readonly endpoints: readonly Endpoint[]
  readonly routes?: readonly RouteSpec[]
  readonly listeners?: readonly Listener[]
  readonly limits?: Partial<GatewayLimits>
  readonly services?: GatewayConfig['services']
  readonly accessLog?: string
  /** More of the configuration. */
  readonly config?: Partial<GatewayConfig>
}

let version = 0

export function table(options: TableOptions): RoutingTable {
  return {
    epoch: 'test',
    version: ++version,
    config: {
      app: 'test',
      listeners: options.listeners ?? [edge],
      routes: options.routes ?? [route('web/0', 'web', '/')],
      services: options.services ?? [{ name: 'web', protocol: 'http', balancer: 'round_robin' }],
      limits: { ...limits, ...options.limits },
      accessLog: options.accessLog ?? null,
      ...options.config,
    },
    endpoints: options.endpoints,
  }
}

const cleanups: (() => unknown)[] = []

/** Runs after the test, last registered first. */
export function cleanUp(action: () => unknown): void {
  cleanups.push(action)
}

afterEach(async () => {
  for (const action of cleanups.splice(0).toReversed()) await action()
})

/** A gateway that serves the table until the end of the test, and the port of its first listener. */
export async function serve(
  options: TableOptions,
  plane = new HttpDataPlane(),
): Promise<{ plane: HttpDataPlane; port: number }> {
  cleanUp(() => plane.close(0))
  const errors = await plane.apply(table(options))
  if (Object.keys(errors).length > 0) throw new Error(JSON.stringify(errors))
  return { plane, port: portOf(plane, (options.listeners ?? [edge])[0]?.name ?? '') }
}

export function portOf(plane: HttpDataPlane, listener: string): number {
  const address = plane.address(listener)
  if (address === null) throw new Error(`listener ${listener} is not open`)
  return address.port
}

export interface RawServer {
  readonly port: number
  readonly server: Server
  /** Connections so far, in their order. */
  readonly sockets: Socket[]
  close(): Promise<void>
}

/** A TCP server until the end of the test. */
export async function rawServer(onConnection: (socket: Socket, index: number) => void, port = 0): Promise<RawServer> {
  const sockets: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {})
    sockets.push(socket)
    onConnection(socket, sockets.length - 1)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  cleanUp(() => (server.listening ? close() : undefined))
  return { port: (server.address() as AddressInfo).port, server, sockets, close }
}

/** A node:http server until the end of the test. */
export async function httpServer(listener: RequestListener): Promise<{ port: number; server: HttpServer }> {
  const server = createHttpServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanUp(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return { port: (server.address() as AddressInfo).port, server }
}

/** A port that nobody listens on (it was free a moment ago). */
export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** A client's connection with everything that came over it, as text of one character a byte. */
export class Client {
  readonly socket: Socket
  received = ''
  hasEnded = false
  isClosed = false
  readonly #waiting: (() => void)[] = []

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    cleanUp(() => this.socket.destroy())
    this.socket.setNoDelay(true)
    this.socket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString('latin1')
      this.#notify()
    })
    this.socket.on('end', () => {
      this.hasEnded = true
      this.#notify()
    })
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.isClosed = true
      this.#notify()
    })
  }

  send(text: string): void {
    this.socket.write(Buffer.from(text, 'latin1'))
  }

  /** Until `isMet` is true of what has come, or the connection has ended. */
  async until(isMet: (received: string) => boolean): Promise<string> {
    while (!isMet(this.received) && !this.hasEnded && !this.isClosed) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    return this.received
  }

  /** Until the server has ended its sending (or broken off). */
  ended(): Promise<string> {
    return this.until(() => false)
  }

  async closed(): Promise<void> {
    while (!this.isClosed) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #notify(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

/** Sends the text and returns all that comes until the server ends. */
export async function exchange(port: number, text: string): Promise<string> {
  const client = new Client(port)
  client.send(text)
  return client.ended()
}

/** Waits until something holds, looking again every few milliseconds; the test's timeout ends it. */
export async function eventually(isMet: () => boolean): Promise<void> {
  while (!isMet()) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** Calls back with the bytes of each whole request head, and answers with what it returns. */
export function answering(answer: (head: string, socket: Socket) => string): (socket: Socket) => void {
  return (socket) => {
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
        const head = text.slice(0, end + 4)
        text = text.slice(end + 4)
        const reply = answer(head, socket)
        if (reply !== '') socket.write(Buffer.from(reply, 'latin1'))
      }
    })
    socket.on('end', () => socket.end())
  }
}

export const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
