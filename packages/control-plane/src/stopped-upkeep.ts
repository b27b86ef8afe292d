import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { PandoError } from '@pando/model'
import type { Pruned, PruneRequest } from './api/upkeep-control.js'
import { builtImagesOf } from './build/built-images.js'
import { systemClock } from './clock.js'
import { pastServices } from './deployer.js'
import { Deployments } from './deployments/deployments.js'
import { MemoryStore } from './store/memory-store.js'
import { SqliteStore } from './store/sqlite-store.js'
import { revisionFacts } from './upkeep/revision-facts.js'
import { Upkeep } from './upkeep/upkeep.js'

/**
 * Removes old builds as a control plane does, where none runs. Rejects with `conflict` when one does after all, and when everything is to
 * go of an app that was not taken down: what of it runs cannot be known here.
 */
export async function pruneStopped(
  request: PruneRequest,
  options: { readonly stateDir: string; readonly environment: Readonly<Record<string, string | undefined>> },
): Promise<Pruned> {
  const stateDir = resolve(options.stateDir)
  const file = join(stateDir, 'state.db')
  const clock = systemClock
  const store = existsSync(file) ? new SqliteStore({ path: file }) : new MemoryStore()
  try {
    const desired = store.all('desired')
    if (request.isAll && desired.size > 0) {
      throw new PandoError('conflict', 'the app was not taken down, so parts of it may still run', {
        hint: 'run pando down first, or pando up',
      })
    }
    const deployments = new Deployments({ store, clock, emit: nothing, redeploy: nothing, isKept: () => true })
    const upkeep = new Upkeep({
      stateDir,
      clock,
      facts: async () => revisionFacts({ desired, deployments, past: pastServices(store), running: [] }),
      images: async () => builtImagesOf({ ...options, stateDir, clock }),
      inTurn: (work) => work(),
      onFault: nothing,
    })
    return await upkeep.prune(request)
  } finally {
    store.close()
  }
}

function nothing(): void {}
