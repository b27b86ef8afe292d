import type { EngineNetworks, NetworkOwner } from './app-network.js'
import type { EngineClient } from './engine-client.js'
import { appLabel } from './labels.js'

interface PodmanNetwork {
  readonly name: string
  readonly subnets?: readonly { readonly subnet?: string; readonly gateway?: string }[] | null
}

const withinMs = 90_000

/**
 * Podman lets networks reach each other that are not told to keep apart, which only its own API can; and Podman 4.3's service forgets
 * that they are, once a network is looked at by Docker's API. So all is asked by its own.
 *
 * It makes a network's bridge, and with it this machine's address there, when the first container of the network starts, and takes
 * it away with the last. So that the gateway can listen there at all times, a container of Podman's own making holds it, which waits.
 */
export class PodmanNetworks implements EngineNetworks {
  readonly #engine: EngineClient

  constructor(engine: EngineClient) {
    this.#engine = engine
  }

  async find(key: string): Promise<readonly string[]> {
    const query = { filters: JSON.stringify({ label: [`${appLabel}=${key}`] }) }
    const found = await this.#engine.ask<PodmanNetwork[]>('GET', '/libpod/networks/json', { query })
    return (found ?? []).map(({ name }) => name)
  }

  async make(name: string, key: string): Promise<void> {
    const options = { isolate: 'true' }
    const body = { name, driver: 'bridge', dns_enabled: true, options, labels: { [appLabel]: key } }
    await this.#engine.ask('POST', '/libpod/networks/create', { body })
  }

  async describe(name: string): Promise<{ readonly subnet: string; readonly gateway: string } | null> {
    const found = await this.#engine.ask<PodmanNetwork>('GET', `/libpod/networks/${name}/json`, { absent: [404] })
    const { subnet, gateway } = found?.subnets?.find((each) => each.gateway !== undefined) ?? {}
    return subnet === undefined || gateway === undefined ? null : { subnet, gateway }
  }

  async hold(network: string, { key, name }: NetworkOwner): Promise<boolean> {
    if (await this.#isRootless()) return false
    const path = `/libpod/pods/${holderName(key)}`
    if ((await this.#engine.ask('GET', `${path}/json`, { absent: [404] })) === null) {
      const labels = { 'pando.app-name': name }
      const names = { name: holderName(key), infra_name: `${holderName(key)}-infra` }
      const body = { ...names, labels, netns: { nsmode: 'bridge' }, Networks: { [network]: {} } }
      // 409: asked for twice at once.
      await this.#engine.ask('POST', '/libpod/pods/create', { body, timeoutMs: withinMs, absent: [409] })
    }
    await this.#engine.ask('POST', `${path}/start`, { timeoutMs: withinMs })
    return true
  }

  async remove(name: string, key: string): Promise<void> {
    const options = { query: { force: 'true' }, absent: [404], timeoutMs: withinMs }
    await this.#engine.ask('DELETE', `/libpod/pods/${holderName(key)}`, options)
    await this.#engine.ask('DELETE', `/libpod/networks/${name}`, { absent: [404, 409] })
  }

  /** Its bridges are not in this machine's own namespace then. */
  async #isRootless(): Promise<boolean> {
    return (await this.#engine.ask<{ readonly Rootless?: boolean }>('GET', '/info'))?.Rootless === true
  }
}

function holderName(key: string): string {
  return `pando-network-${key}`
}
