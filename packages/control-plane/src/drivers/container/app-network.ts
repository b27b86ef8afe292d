import { createServer } from 'node:net'
import { PandoError } from '@pando/model'
import { DockerNetworks } from './docker-networks.js'
import type { EngineClient } from './engine-client.js'
import { PodmanNetworks } from './podman-networks.js'

/** The network that one app's containers are in, and no other's. */
export interface AppNetwork {
  readonly name: string
  /** In CIDR notation; the containers' addresses are in it. */
  readonly subnet: string
  /** This machine as the containers see it. */
  readonly gateway: string
  /** False when the engine's networks are not on this machine (a rootless engine, one in a virtual machine): nothing can listen at `gateway`. */
  readonly isLocal: boolean
}

/** An app as its network's name and label tell it. */
export interface NetworkOwner {
  readonly key: string
  readonly name: string
}

/** What an engine is asked about networks. They cannot reach each other. */
export interface EngineNetworks {
  /** Names of those with the label. */
  find(key: string): Promise<readonly string[]>
  make(name: string, key: string): Promise<void>
  describe(name: string): Promise<{ readonly subnet: string; readonly gateway: string } | null>
  /** Sees to it that this machine has its address in the network though no container runs. False where it has none. */
  hold(name: string, owner: NetworkOwner): Promise<boolean>
  /** No error when it has gone, or when somebody else has put a container into it: then it stays. */
  remove(name: string, key: string): Promise<void>
}

/** Finds the app's network by its label, or makes it. */
export async function ensureNetwork(engine: EngineClient, owner: NetworkOwner): Promise<AppNetwork> {
  const networks = await networksOf(engine)
  const name = (await networks.find(owner.key))[0] ?? `pando-${owner.name}-${owner.key}`
  const known = await networks.describe(name)
  if (known === null) await networks.make(name, owner.key)
  const made = known ?? (await networks.describe(name))
  if (made === null)
    throw new PandoError('internal', `the container engine made the network ${name} without an address`)
  const isThere = async (): Promise<boolean> => isOwnAddress(made.gateway)
  const isLocal = (await isThere()) || ((await networks.hold(name, owner)) && (await isThere()))
  return { name, ...made, isLocal }
}

export async function removeNetworks(engine: EngineClient, key: string): Promise<void> {
  const networks = await networksOf(engine)
  for (const name of await networks.find(key)) await networks.remove(name, key)
}

async function networksOf(engine: EngineClient): Promise<EngineNetworks> {
  return (await engine.isPodman()) ? new PodmanNetworks(engine) : new DockerNetworks(engine)
}

/** Asked by binding to it: the list of interfaces leaves those out that nothing is plugged into yet. */
function isOwnAddress(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host, port: 0 }, () => server.close(() => resolve(true)))
  })
}
