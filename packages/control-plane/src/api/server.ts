import { setMaxListeners } from 'node:events'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { PandoError } from '@pando/model'
import type { Address } from '@pando/model'
import { refusal } from './access.js'
import type { Api } from './operation.js'
import { portTaken } from '../ports/port-holder.js'
import { problemResponse } from './problem.js'
import { listenOnUnixSocket } from './unix-socket.js'

export interface ServeOptions {
  readonly app: Api
  /** Absolute path of the unix socket. */
  readonly socketPath: string
  readonly token: string
}

export interface ControlApiServer {
  /** Where TCP listens; null before the first `listen`. */
  readonly address: Address | null
  /** Where the unix socket really is: elsewhere when the path asked for was too long for one. */
  readonly socketPath: string
  /** Listens on TCP there (port 0 takes a free one), and no longer where it did. Rejects with `port_taken` when the port is held; then nothing has changed. */
  listen(address: Address): Promise<void>
  /** Accepts nothing new, ends streams, lets other requests finish for a second, then cuts the rest. */
  close(): Promise<void>
}

const maxConnections = 4_096
const closeGraceMs = 1_000

/**
 * Serves the API on a unix socket (mode 0600, no token) and, once told where, on TCP (see `access.ts`). Rejects with `conflict`
 * when another control plane answers on the socket; then nothing listens.
 */
export async function serveControlApi(options: ServeOptions): Promise<ControlApiServer> {
  const { app, token } = options
  const closing = new AbortController()
  // One a stream, and every stream takes its own back: many are no leak.
  setMaxListeners(0, closing.signal)
  const bindings = { closing: closing.signal }
  const local = makeServer((request) => app.fetch(request, bindings))
  const socket = await listenOnUnixSocket(local, options.socketPath)
  let remote: { readonly server: Server; readonly asked: Address; readonly address: Address } | null = null

  async function listen(asked: Address): Promise<void> {
    if (remote?.asked.host === asked.host && remote.asked.port === asked.port) return
    const server = makeServer((request) => {
      const refused = refusal(request, { token, host: asked.host })
      return refused === null ? app.fetch(request, bindings) : problemResponse(refused)
    })
    await listenOnTcp(server, asked)
    const before = remote
    remote = { server, asked, address: { host: asked.host, port: (server.address() as AddressInfo).port } }
    if (before !== null) await stop(before.server)
  }

  return {
    get address() {
      return remote?.address ?? null
    },
    socketPath: socket.path,
    listen,
    async close() {
      // The file goes first: whoever comes now learns at once that nobody is here.
      socket.remove()
      closing.abort()
      await Promise.all([stop(local), remote === null ? undefined : stop(remote.server)])
    },
  }
}

function makeServer(handle: (request: Request) => Response | Promise<Response>): Server {
  const server = createServer(
    // Other code in this process keeps its own Request and Response.
    getRequestListener(handle, {
      overrideGlobalObjects: false,
      errorHandler: (thrown) => problemResponse(unreadable(thrown)),
    }),
  )
  server.maxConnections = maxConnections
  return server
}

/** What is thrown around the API: its own failures it has answered itself. */
function unreadable(thrown: unknown): PandoError {
  return new PandoError('usage', 'the request cannot be understood', { cause: thrown })
}

async function listenOnTcp(server: Server, address: Address): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ ...address, exclusive: true }, () => {
        server.off('error', reject)
        resolve()
      })
    })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') throw await portTaken('the control API', address, 'api.port in the manifest', error)
    throw new PandoError('usage', `the control API cannot listen on ${address.host}:${address.port}: ${code}`, {
      hint: 'Set api.host and api.port in the manifest to a loopback address and a port above 1023.',
      cause: error,
    })
  }
}

async function stop(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), closeGraceMs)
  await closed
  clearTimeout(timer)
}
