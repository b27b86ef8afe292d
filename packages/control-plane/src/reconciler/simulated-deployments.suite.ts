import type { Clock } from '../clock.js'
import { Deployments } from '../deployments/deployments.js'
import type { NewEvent } from '../events/events.js'
import type { RecordKind, Store } from '../store/store.js'
import type { Reconciler } from './loop.js'
import type { ReconcilerOptions } from './ports.js'
import { isBad } from './simulated-history.suite.js'
import type { Desired } from './state.js'

/** The history of deployments beside a reconciler, wired as in a control plane. */
export class SimulatedDeployments {
  readonly deployments: Deployments
  readonly #reconciler: () => Reconciler

  constructor(options: {
    readonly store: Store
    readonly clock: Clock
    readonly emit: (event: NewEvent) => void
    readonly reconciler: () => Reconciler
  }) {
    this.#reconciler = options.reconciler
    this.deployments = new Deployments({
      ...options,
      redeploy: ({ service, revision, spec }, alongside) => {
        const desired = new Map(this.#reconciler().desired())
        const before = desired.get(service)!
        desired.set(service, { ...before, revision, spec, isStopped: false })
        this.#reconciler().setDesired(desired, alongside)
      },
      isKept: () => true,
    })
  }

  /** What the reconciler is to have of it. */
  get options(): Pick<ReconcilerOptions, 'onRolloutResult' | 'proofs'> {
    return {
      onRolloutResult: (result) => this.deployments.onRolloutResult(result),
      proofs: {
        mayProve: (...which) => this.deployments.mayProve(...which),
        onProven: (...which) => this.deployments.onProven(...which),
      },
    }
  }

  want(desired: Desired): void {
    this.#reconciler().setDesired(desired, () => {
      const revisions = [...desired.values()].map(({ name, revision, spec, source = null }) => {
        return { service: name, revision, spec, source }
      })
      this.deployments.record(revisions, 'deploy')
    })
  }

  /** A kind of record, but for `owed` ones, of which something else is remembered than the store has; null when there is none. */
  aheadOf(store: Store, owed: readonly RecordKind[]): RecordKind | null {
    const { rollouts, slots } = this.#reconciler().observed()
    const memory: Partial<Record<RecordKind, Iterable<unknown>>> = {
      desired: this.#reconciler().desired().values(),
      rollout: rollouts?.values() ?? [],
      slot: slots.values(),
      deployment: this.deployments.history(null),
    }
    const kinds = Object.keys(memory) as RecordKind[]
    return (
      kinds.find((kind) => !owed.includes(kind) && textOf(memory[kind] ?? []) !== textOf(store.all(kind).values())) ??
      null
    )
  }

  /** Null when history and wish agree on everything that is settled. */
  difference(desired: Desired): string | null {
    for (const { name, revision, isStopped, replicas } of desired.values()) {
      const current = this.deployments.current(name)
      if (current?.revision !== revision) return `the history of ${name} ends with ${current?.revision}`
      const isSettled = current.result === 'healthy'
      if (!isStopped && replicas > 0 && !isSettled) return `the deployment of ${revision} is ${current.result}`
      const healthy = this.deployments.history(name).filter(({ result }) => result === 'healthy')
      if (healthy.some((one) => isBad(one.revision)))
        return `a revision of ${name} that is never well was called healthy`
    }
    return null
  }
}

function textOf(records: Iterable<unknown>): string {
  return [...records]
    .map((one) => JSON.stringify(one))
    .sort()
    .join()
}
