import type { Server } from 'node:net'

/** An accepted connection that nothing has been read from yet, before it is a `net.Socket`. */
export interface AcceptedHandle {
  close(): void
}

interface ServerHandle {
  onconnection: (status: number, client: AcceptedHandle | undefined) => void
}

/*
 * Connections move between processes as bare handles: as `net.Socket`s they would have begun to read. That leans on the server's own
 * handle and its `onconnection`, undocumented, but what node:cluster itself deals connections out by; a test with real
 * processes holds it on every version of Node.
 */

/** Asks `givesAway` of each connection that the listening server accepts; one that is given away is not the server's any more. */
export function interceptAccepted(server: Server, givesAway: (client: AcceptedHandle) => boolean): void {
  const handle = handleOf(server)
  if (handle === null) return
  const accept = handle.onconnection
  handle.onconnection = function (this: ServerHandle, status, client) {
    if (status === 0 && client !== undefined && givesAway(client)) return
    accept.call(this, status, client)
  }
  accepts.set(server, accept)
}

/** Lets the server serve a connection that another process has accepted; false when it does not listen any more. */
export function acceptFromElsewhere(server: Server, client: AcceptedHandle): boolean {
  const handle = handleOf(server)
  const accept = accepts.get(server)
  if (handle === null || accept === undefined) return false
  accept.call(handle, 0, client)
  return true
}

const accepts = new WeakMap<Server, ServerHandle['onconnection']>()

function handleOf(server: Server): ServerHandle | null {
  return (server as unknown as { _handle: ServerHandle | null })._handle
}
