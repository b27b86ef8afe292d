import { BlockList, isIPv6 } from 'node:net'
import type { Listener } from '@pando/model'

/** Whether a listener takes a connection from that address. What it is given cannot be read as a network lets nobody in. */
export function guardOf(listener: Listener): (remoteAddress: string | undefined) => boolean {
  if (listener.kind !== 'mesh' || listener.from === undefined) return () => true
  const [network = '', prefix = ''] = listener.from.split('/')
  const allowed = new BlockList()
  try {
    allowed.addSubnet(network, Number(prefix), isIPv6(network) ? 'ipv6' : 'ipv4')
  } catch {
    return () => false
  }
  return (address) => address !== undefined && allowed.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
