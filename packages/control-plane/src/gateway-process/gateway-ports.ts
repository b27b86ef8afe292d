import { PandoError, type Address, type AppSpec } from '@pando/model'

type Ports = AppSpec['gateway']

/** What keeps a program from listening: another that does, or a refusal of the system. */
export type Obstacle =
  | { readonly kind: 'holder'; readonly who: string }
  | { readonly kind: 'system'; readonly code: string; readonly message: string }

/** What keeps the gateway from listening where the app wants it; `served` is what it listens on already, null when none runs. */
export async function assertGatewayPorts(
  wanted: Ports,
  served: Ports | null,
  obstacleAt: (address: Address) => Promise<Obstacle | null>,
): Promise<void> {
  for (const { address, setting } of addressesOf(wanted)) {
    // A gateway that already listens there is ours.
    if (served !== null && addressesOf(served).some((own) => isSame(own.address, address))) continue
    const obstacle = await obstacleAt(address)
    if (obstacle === null) continue
    const place = `the gateway cannot listen on ${address.host}:${address.port}`
    if (obstacle.kind === 'holder') {
      const hint = `stop that, or set another ${setting} in the manifest`
      throw new PandoError('port_taken', `${place}: ${obstacle.who} does`, { hint })
    }
    throw new PandoError('usage', `${place}: ${obstacle.message}`, { hint: hintOf(obstacle.code, setting) })
  }
}

/** What next, by the system's error (errno(3), and those of getaddrinfo(3)). */
function hintOf(code: string, setting: string): string {
  if (code === 'EACCES') {
    return `ports below 1024 need a right (setcap cap_net_bind_service=+ep on node), or set another ${setting} in the manifest`
  }
  return 'set `gateway: { host: … }` to an address of this machine, or to 0.0.0.0 for all of them'
}

function addressesOf({ host, port, tls }: Ports): { readonly address: Address; readonly setting: string }[] {
  const plain = { address: { host, port }, setting: '`gateway: { port: … }`' }
  if (tls === undefined) return [plain]
  return [plain, { address: { host, port: tls.port }, setting: '`gateway: { tls: { port: … } }`' }]
}

function isSame(one: Address, other: Address): boolean {
  return one.host === other.host && one.port === other.port
}
