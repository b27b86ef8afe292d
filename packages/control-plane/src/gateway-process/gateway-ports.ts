import { PandoError, type Address, type AppSpec } from '@pando/model'

type Ports = AppSpec['gateway']

/** What keeps the gateway from listening where the app wants it; `served` is what it listens on already, null when none runs. */
export async function assertGatewayPorts(
  wanted: Ports,
  served: Ports | null,
  holderOf: (address: Address) => Promise<string | null>,
): Promise<void> {
  for (const { address, setting } of addressesOf(wanted)) {
    // A gateway that already listens there is ours.
    if (served !== null && addressesOf(served).some((own) => isSame(own.address, address))) continue
    const holder = await holderOf(address)
    if (holder === null) continue
    const message = `the gateway cannot listen on ${address.host}:${address.port}: ${holder} does`
    throw new PandoError('port_taken', message, { hint: `stop that, or set another ${setting} in the manifest` })
  }
}

function addressesOf({ host, port, tls }: Ports): { readonly address: Address; readonly setting: string }[] {
  const plain = { address: { host, port }, setting: '`gateway: { port: … }`' }
  if (tls === undefined) return [plain]
  return [plain, { address: { host, port: tls.port }, setting: '`gateway: { tls: { port: … } }`' }]
}

function isSame(one: Address, other: Address): boolean {
  return one.host === other.host && one.port === other.port
}
