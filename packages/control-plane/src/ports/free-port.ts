import { createServer } from 'node:net'
import { PandoError, type Address } from '@pando/model'

/** Ports below the kernel's ephemeral range (32768 and up on Linux), so that no outgoing connection sits on them by chance. */
export interface PortRange {
  readonly from: number
  readonly to: number
}

export const meshPorts: PortRange = { from: 20_000, to: 20_999 }
export const instancePorts: PortRange = { from: 21_000, to: 31_999 }

/** Resolves to true when nothing keeps us from listening on the address now. */
export async function isFree(address: Address): Promise<boolean> {
  return (await whyNotFree(address)) === null
}

/** Tries to listen on the address: null when that works, otherwise the system's error (`EADDRINUSE`, `EACCES`, …). */
export function whyNotFree(address: Address): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', resolve)
    server.listen({ host: address.host, port: address.port, exclusive: true }, () => server.close(() => resolve(null)))
  })
}

/**
 * Finds a port of the range that nobody listens on and that is not in `taken`. It begins at a random place, so that two apps on
 * one machine rarely try the same one. Rejects with `limit_reached` when the whole range is in use.
 */
export async function findFreePort(options: {
  readonly host: string
  readonly range: PortRange
  readonly taken: ReadonlySet<number>
  /** 0 ≤ r < 1. */
  readonly random: () => number
  readonly isFree?: (address: Address) => Promise<boolean>
}): Promise<number> {
  const { host, range, taken } = options
  const free = options.isFree ?? isFree
  const size = range.to - range.from + 1
  const first = Math.floor(options.random() * size)
  for (let step = 0; step < size; step++) {
    const port = range.from + ((first + step) % size)
    if (!taken.has(port) && (await free({ host, port }))) return port
  }
  throw new PandoError('limit_reached', `no free port on ${host} between ${range.from} and ${range.to}`, {
    hint: 'stop something that listens there, or run fewer instances',
  })
}
