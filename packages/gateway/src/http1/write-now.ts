import type { Socket } from 'node:net'

/** What a writable stream's own `write` calls to write (Node's documentation of `stream`, "Implementing a writable stream"). */
interface Writing {
  _write?: (bytes: Uint8Array, encoding: 'buffer', callback: (error?: Error | null) => void) => void
}

let isTaken = false
let failure: Error | null = null

/**
 * Writes to a connected socket that has nothing else on its way, and says whether the kernel has taken all of it. If not, what is written after it leaves
 * after it, and an empty `socket.write` calls back when it has left.
 *
 * `write` keeps account of what is under way and tells of its end a tick later: 4 % of a request, for writes of which the kernel takes nearly every one
 * at once. So the account is left out; should Node ever have no `_write`, there is one.
 */
export function writeNow(socket: Socket, bytes: Uint8Array): boolean {
  const writing = socket as unknown as Writing
  if (typeof writing._write !== 'function') {
    socket.write(bytes)
    return socket.writableLength === 0
  }
  isTaken = false
  failure = null
  writing._write(bytes, 'buffer', onWritten)
  if (failure !== null) socket.destroy(failure)
  return isTaken
}

/** Comes during the call or later: of later ones, the write behind them tells. */
function onWritten(error?: Error | null): void {
  isTaken = true
  failure = error ?? null
}
