import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { rawSocketOf } from '../tls/raw-socket.js'

/** Who is told what comes over a socket. */
export interface SocketOwner {
  /** `bytes[at, end)`, valid only during the call; of what was read just now, `at` is 0. */
  onBytes(bytes: Uint8Array, at: number, end: number): void
  /** The peer sends nothing more. */
  onEnd(): void
  /** It is gone, however. */
  onClose(): void
}

const owner = Symbol('owner')

interface Owned {
  [owner]: SocketOwner
}

/**
 * Makes what happens on the socket its owner's. All sockets share the listeners, which find the owner by a property of the socket: closures of each
 * connection's own would be a fifth of what an idle one keeps.
 */
export function giveOwner(socket: Duplex, to: SocketOwner): void {
  changeOwner(socket, to)
  socket.on('end', onEnd)
  // What broke is of no interest; 'close' follows.
  socket.on('error', ignore)
  socket.on('close', onClose)
}

/** From here on it is another's. */
export function changeOwner(socket: Duplex, to: SocketOwner): void {
  ;(socket as unknown as Owned)[owner] = to
}

/** For `onread`: the socket calls it as its own method. */
export function onRead(this: unknown, length: number, bytes: Uint8Array): boolean {
  ;(this as Owned)[owner].onBytes(bytes, 0, length)
  return true
}

/** Reads it by ordinary 'data' events. */
export function readPlainly<Readable extends Duplex>(socket: Readable, by: SocketOwner): Readable {
  giveOwner(socket, by)
  socket.on('data', onData)
  socket.resume()
  return socket
}

/** Whom it is connected to; empty when it is already gone. A socket keeps what it was asked, so the one that has been asked before is. */
export function remoteAddressOf(socket: Duplex): string {
  const raw = socket instanceof TLSSocket ? rawSocketOf(socket) : null
  return ((raw ?? (socket as Socket)).remoteAddress ?? '').replace(/^::ffff:/, '')
}

function onData(this: unknown, chunk: Buffer): void {
  ;(this as Owned)[owner].onBytes(chunk, 0, chunk.length)
}

function onEnd(this: unknown): void {
  ;(this as Owned)[owner].onEnd()
}

function onClose(this: unknown): void {
  ;(this as Owned)[owner].onClose()
}

function ignore(): void {}
