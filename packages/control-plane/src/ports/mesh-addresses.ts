import type { Address, AppSpec } from '@pando/model'
import type { Store } from '../store/store.js'
import { findFreePort, isFree, meshPorts } from './free-port.js'

/** Mesh listeners are for the machine's own services: always on loopback. */
const host = '127.0.0.1'

/**
 * The stable address of every service that listens. A port is chosen once and kept, also while the service is out of the
 * manifest, since instances hold it in their environment.
 */
export class MeshAddresses {
  private readonly store: Store
  private readonly random: () => number

  constructor(options: { store: Store; random: () => number }) {
    this.store = options.store
    this.random = options.random
  }

  /**
   * Addresses of the app's listening services, choosing (durably) those that have none yet. With `isIdle`, nothing of ours runs: no
   * instance knows an address and no listener is open, so one that somebody else has taken meanwhile is chosen again.
   */
  async ensure(app: AppSpec, options: { readonly isIdle: boolean }): Promise<Map<string, Address>> {
    const known = this.store.all('mesh_port')
    const taken = new Set([...known.values()].map((record) => record.port))
    for (const name of listening(app)) {
      const record = known.get(name)
      if (record !== undefined && (!options.isIdle || (await isFree({ host, port: record.port })))) continue
      const port = await findFreePort({ host, range: meshPorts, taken, random: this.random })
      taken.add(port)
      this.store.put('mesh_port', name, { port })
    }
    return this.of(app)
  }

  /** Addresses of those that have one. */
  of(app: AppSpec): Map<string, Address> {
    const known = this.store.all('mesh_port')
    return new Map(
      listening(app).flatMap((name): [string, Address][] => {
        const record = known.get(name)
        return record === undefined ? [] : [[name, { host, port: record.port }]]
      }),
    )
  }
}

function listening(app: AppSpec): string[] {
  return Object.values(app.services)
    .filter((service) => service.revision.protocol !== 'none')
    .map((service) => service.name)
}
