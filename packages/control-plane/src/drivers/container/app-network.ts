import { createServer } from 'node:net'
import { PandoError } from '@pando/model'
import type { EngineClient } from './engine-client.js'
import type { NetworkDetails } from './engine-types.js'
import { appLabel } from './labels.js'

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

/** Finds the app's network by its label, or makes it. */
export async function ensureNetwork(
  engine: EngineClient,
  app: { readonly key: string; readonly name: string },
): Promise<AppNetwork> {
  const found = (await findNetworks(engine, app.key))[0]
  if (found !== undefined) return inspect(engine, found.Id)
  const body = {
    Name: networkName(app),
    Driver: 'bridge',
    CheckDuplicate: true,
    Labels: { [appLabel]: app.key },
  }
  const made = await engine.ask<{ readonly Id: string }>('POST', '/networks/create', { body })
  return inspect(engine, made?.Id ?? body.Name)
}

/** No error when there is none, or when somebody else has put a container into it: then it stays. */
export async function removeNetworks(engine: EngineClient, key: string): Promise<void> {
  for (const { Id } of await findNetworks(engine, key)) {
    await engine.ask('DELETE', `/networks/${Id}`, { absent: [403, 404, 409] })
  }
}

function networkName(app: { readonly key: string; readonly name: string }): string {
  return `pando-${app.name}-${app.key}`
}

async function findNetworks(engine: EngineClient, key: string): Promise<NetworkDetails[]> {
  const query = { filters: JSON.stringify({ label: [`${appLabel}=${key}`] }) }
  return (await engine.ask<NetworkDetails[]>('GET', '/networks', { query })) ?? []
}

async function inspect(engine: EngineClient, id: string): Promise<AppNetwork> {
  const details = await engine.ask<NetworkDetails>('GET', `/networks/${id}`)
  const config = details?.IPAM?.Config?.find(({ Gateway }) => Gateway !== undefined)
  if (details === null || config?.Gateway === undefined || config.Subnet === undefined) {
    throw new PandoError('internal', `the container engine made the network ${details?.Name ?? id} without an address`)
  }
  const gateway = config.Gateway.split('/')[0] ?? ''
  return { name: details.Name, subnet: config.Subnet, gateway, isLocal: await isOwnAddress(gateway) }
}

/** Asked by binding to it: the list of interfaces leaves those out that nothing is plugged into yet. */
function isOwnAddress(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host, port: 0 }, () => server.close(() => resolve(true)))
  })
}
