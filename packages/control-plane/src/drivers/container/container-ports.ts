import type { Address, ContainerNetworking, ContainerSpec } from '@pando/model'

type Binding = { readonly HostIp: string; readonly HostPort: string }

/** What the engine opens on this machine, by the port inside (`80/tcp`): the instance's own address, and what is published. */
export function portBindings(
  { network }: ContainerSpec,
  own: Address | null,
  ownTarget: number | null,
): [inside: string, at: Binding[]][] {
  const bindings = new Map<string, Binding[]>()
  const add = (inside: string, { host, port }: Address): void => {
    bindings.set(inside, [...(bindings.get(inside) ?? []), { HostIp: host, HostPort: String(port) }])
  }
  if (own !== null && ownTarget !== null) add(`${ownTarget}/tcp`, own)
  for (const published of network?.published ?? []) add(`${published.target}/${published.transport}`, published)
  return [...bindings]
}

/** The names under which the engine lets others in the network find it. */
export function networkingOf(network: ContainerNetworking | undefined, name: string): object {
  if (network === undefined) return {}
  return {
    ...(network.hostname === null ? {} : { Hostname: network.hostname }),
    NetworkingConfig: { EndpointsConfig: { [name]: { Aliases: network.aliases } } },
  }
}
