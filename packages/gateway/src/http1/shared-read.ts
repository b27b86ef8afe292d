import { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { rawSocketOf } from '../tls/raw-socket.js'
import { giveOwner, onRead, readPlainly, type SocketOwner } from './owned-socket.js'

/** Takes what was read: `bytes[0, length)`, valid only during the call. */
export type ReadCallback = (length: number, bytes: Uint8Array) => void

interface OnRead {
  buffer: Uint8Array
  callback(length: number, bytes: Uint8Array): boolean
}

/** Options that `net` knows and its types do not: `onread` beside `handle`, and the stream's own high-water mark. */
interface SharedSocketOptions {
  allowHalfOpen: boolean
  writableHighWaterMark: number
  onread: OnRead
}

/**
 * `onread` for `net.connect` and for `adopt`: every socket reads into the one buffer, which saves an allocation a read (a fifth of the
 * whole cost of a request; see gateway-data-path in docs). The high-water mark of one byte makes every write that the kernel did not take at
 * once end in a 'drain' event, which is when its buffer may be used again.
 */
export function sharedReadOptions(buffer: Uint8Array, read: ReadCallback): SharedSocketOptions {
  return optionsOf(buffer, (length, bytes) => {
    read(length, bytes)
    return true
  })
}

function optionsOf(buffer: Uint8Array, callback: OnRead['callback']): SharedSocketOptions {
  return { allowHalfOpen: true, writableHighWaterMark: 1, onread: { buffer, callback } }
}

/** An accepted socket as Node makes it: its handle and its server are there, though not in its types. */
interface AcceptedInternals {
  _handle: { reading?: boolean } | null
  _server: { _connections?: number } | null
  server: unknown
}

/**
 * Makes an accepted, not yet read socket (`pauseOnConnect: true`) read into the shared buffer, by giving its handle to a new socket:
 * `net.createServer` has no `onread` of its own. That a handle can be passed on is half documented, so should it ever be missing, the
 * socket is used as it is, with ordinary 'data' events: slower, the same otherwise.
 */
export function adopt(accepted: Socket, buffer: Uint8Array, by: SocketOwner): Socket {
  const internals = accepted as unknown as AcceptedInternals
  const handle = internals._handle
  if (
    handle !== null &&
    typeof handle === 'object' &&
    typeof (handle as { readStart?: unknown }).readStart === 'function'
  ) {
    internals._handle = null
    const socket = new Socket({ ...optionsOf(buffer, onRead), handle } as never)
    giveOwner(socket, by)
    // The server counts its connections through the socket that closes: that is now this one.
    const heir = socket as unknown as AcceptedInternals
    heir._server = internals._server
    heir.server = internals.server
    internals._server = null
    // So are those who wait for its end.
    if (accepted.listenerCount('close') > 0) socket.on('close', (isBroken) => accepted.emit('close', isBroken))
    return socket
  }
  return readPlainly(accepted, by)
}

/**
 * Closes with a reset and at once. `resetAndDestroy` would first wait for what is still being sent and then end properly, so that half an
 * answer could pass for a whole one. Without the flag (it is Node's own, behind `resetAndDestroy`) it is an ordinary `destroy`.
 */
export function breakOff(socket: Socket): void {
  if (socket.destroyed) return
  // An encrypted one is closed by the connection under it, which is what can be reset.
  const raw = socket instanceof TLSSocket ? rawSocketOf(socket) : socket
  const flagged = (raw ?? {}) as unknown as { resetAndClosing: boolean }
  flagged.resetAndClosing = true
  socket.destroy()
}
