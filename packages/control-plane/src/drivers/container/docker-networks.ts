import type { EngineNetworks } from './app-network.js'
import type { EngineClient } from './engine-client.js'
import type { NetworkDetails } from './engine-types.js'
import { appLabel } from './labels.js'

/** Its bridges are there from when they are made, and keep apart what is not in the same. */
export class DockerNetworks implements EngineNetworks {
  readonly #engine: EngineClient

  constructor(engine: EngineClient) {
    this.#engine = engine
  }

  async find(key: string): Promise<readonly string[]> {
    const query = { filters: JSON.stringify({ label: [`${appLabel}=${key}`] }) }
    const found = await this.#engine.ask<NetworkDetails[]>('GET', '/networks', { query })
    return (found ?? []).map(({ Name }) => Name)
  }

  async make(name: string, key: string): Promise<void> {
    const body = { Name: name, Driver: 'bridge', CheckDuplicate: true, Labels: { [appLabel]: key } }
    await this.#engine.ask('POST', '/networks/create', { body })
  }

  async describe(name: string): Promise<{ readonly subnet: string; readonly gateway: string } | null> {
    const details = await this.#engine.ask<NetworkDetails>('GET', `/networks/${name}`, { absent: [404] })
    const config = details?.IPAM?.Config?.find(({ Gateway }) => Gateway !== undefined)
    if (config?.Gateway === undefined || config.Subnet === undefined) return null
    return { subnet: config.Subnet, gateway: config.Gateway.split('/')[0] ?? '' }
  }

  async hold(): Promise<boolean> {
    return false
  }

  async remove(name: string): Promise<void> {
    await this.#engine.ask('DELETE', `/networks/${name}`, { absent: [403, 404, 409] })
  }
}
