import { driverOf, type AppSpec } from '@pando/model'
import type { AppNetwork } from './drivers/container/app-network.js'
import type { DriverRouter } from './drivers/driver-router.js'
import type { Events } from './events/events.js'
import type { Store } from './store/store.js'

/** Where the app's containers were connected last, so that the gateway serves them before the engine is asked. */
const networkKey = 'container_network'

/** How the app's containers and the rest of it find each other. */
export class ContainerSide {
  readonly #store: Store
  readonly #driver: DriverRouter
  readonly #emit: Events['emit']

  constructor(options: { readonly store: Store; readonly driver: DriverRouter; readonly emit: Events['emit'] }) {
    this.#store = options.store
    this.#driver = options.driver
    this.#emit = options.emit
  }

  /**
   * Before anything of an app starts: the gateway listens in the network of its containers. An app that has no containers any more
   * keeps the network that it had, as an older revision that is gone back to may be one. Null when there was never one.
   */
  async connect(app: AppSpec): Promise<AppNetwork | null> {
    if (!Object.values(app.services).some(({ revision }) => driverOf(revision) === 'container')) {
      return this.#kept
    }
    const network = await (await this.#driver.containers()).network(app.name)
    if (!network.isLocal) {
      const message = `containers cannot call other services here: ${network.gateway}, as they see this machine, is no address of it`
      this.#emit({ kind: 'limits.unavailable', message })
    }
    return network
  }

  /** Written with the app that it belongs to; null when the network is gone. */
  keep(network: AppNetwork | null): void {
    this.#store.put('meta', networkKey, network)
  }

  /** Null when nothing can listen there. */
  get network(): AppNetwork | null {
    const network = this.#kept
    return network?.isLocal === true ? network : null
  }

  get #kept(): AppNetwork | null {
    return (this.#store.get('meta', networkKey) as AppNetwork | null | undefined) ?? null
  }
}
