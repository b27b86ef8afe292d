import { PandoError, type Deployment, type DeploymentCause } from '@pando/model'
import type { Clock } from '../clock.js'
import type { NewEvent } from '../events/events.js'
import type { Store } from '../store/store.js'
import { Table } from '../store/table.js'
import type { Revision } from './revision.js'

/** Deployments of one service that are remembered; the oldest go. */
const keptDeployments = 50

export interface DeploymentsOptions {
  readonly store: Store
  readonly clock: Clock
  readonly emit: (event: NewEvent) => void
  /**
   * Makes an older revision the wanted one of its service, durable together with what `alongside` writes when it returns. When it
   * throws, nothing has changed.
   */
  readonly redeploy: (revision: Revision, alongside: () => void) => void
  /** Whether what was built for a revision is still there. */
  readonly isKept: (revision: Revision) => boolean
}

/** How the rollout of a revision has ended. */
export interface RolloutResult {
  readonly service: string
  readonly revision: string
  readonly result: 'succeeded' | 'failed'
  /** One sentence; empty for a success. */
  readonly reason: string
  /** It failed, and nothing is to be gone back to: others wait for its end. */
  readonly isWithoutReturn?: boolean
  /** What is gone back to after a failure; absent: the last healthy revision, if there is one. */
  readonly back?: Revision
}

/**
 * What was deployed when, and how it went. Durable. What is true throughout:
 * - the newest deployment of a service is of the revision that is wanted, and it alone may still be `running`;
 * - a revision that failed or was rolled back is never gone back to, and comes again only when somebody applies it anew;
 * - a revision that another came before (`superseded`) is gone back to only by its name, unless its instances, which serve on
 *   meanwhile, show it to be well after all (`onProven`);
 * - what was rolled back to by itself is not rolled back by itself again: one failure never walks down the whole history.
 * - what a rollout goes back to is what is recorded: the two never disagree.
 *
 * Calls are synchronous and must not be made while another change of what is wanted is half done.
 */
export class Deployments {
  readonly #options: DeploymentsOptions
  readonly #table: Table<'deployment'>

  constructor(options: DeploymentsOptions) {
    this.#options = options
    this.#table = new Table(options.store, 'deployment')
  }

  /** Writes down that these are wanted now. One that is wanted already is not written again, unless it had failed. */
  record(revisions: readonly Revision[], by: DeploymentCause, reason = ''): Deployment[] {
    const added = this.#options.store.transaction(() =>
      revisions.flatMap((revision) => {
        const before = this.current(revision.service)
        const isNew = before?.revision !== revision.revision || before.result === 'rolled_back'
        if (!isNew && before.result !== 'failed') return []
        if (before?.result === 'running') this.#settle(before, 'superseded', `${revision.revision} came before it`)
        return [this.#add(revision, by, reason)]
      }),
    )
    for (const { service, revision } of added) {
      this.#options.emit({
        kind: 'deployment.started',
        service,
        message: `revision ${revision} of ${service} is deployed`,
      })
    }
    return added
  }

  /** The newest one of a service. */
  current(service: string): Deployment | null {
    return this.#listOf(service).at(-1) ?? null
  }

  /** Newest first, of one service or of all. */
  history(service: string | null): Deployment[] {
    const all = service === null ? [...this.#table.values.values()] : this.#listOf(service)
    return all.toSorted((a, b) => b.number - a.number)
  }

  revision(service: string, revision: string): Revision | null {
    return this.#options.store.get('revision', `${service}/${revision}`) ?? null
  }

  /** The newest revisions of a service, each once, newest first. */
  revisions(service: string): Revision[] {
    const names = [...new Set(this.history(service).map(({ revision }) => revision))]
    return names.map((name) => this.revision(service, name)).filter((revision) => revision !== null)
  }

  /** The newest revision that was healthy, is not the present one, has not failed since, and is still there; null when there is none. */
  lastHealthy(service: string): Revision | null {
    const seen = new Set([this.current(service)?.revision])
    for (const { revision, result } of this.history(service)) {
      if (seen.has(revision)) continue
      if (result === 'running' || result === 'superseded') continue
      seen.add(revision)
      const found = result === 'healthy' ? this.revision(service, revision) : null
      if (found !== null && this.#options.isKept(found)) return found
    }
    return null
  }

  /** Goes back to `to`, or to the last healthy revision. Throws `not_found` or `conflict` and says what there is instead. */
  rollback(service: string, to: string | null, why: string): Revision {
    return this.#goBackTo(this.#targetOf(service, to), why, 'rollback')
  }

  #goBackTo(target: Revision, why: string, by: DeploymentCause): Revision {
    const { service } = target
    this.#options.redeploy(target, () => {
      const before = this.current(service)
      if (before !== null) this.#settle(before, 'rolled_back', why)
      this.#add(target, by, why)
    })
    this.#options.emit({
      kind: 'deployment.rolled_back',
      service,
      message: `${service} goes back to revision ${target.revision}: ${why}`,
    })
    return target
  }

  /**
   * Takes in how a rollout has ended; what is not about the newest deployment is old news. A failed one goes back by itself.
   * True when its events tell of that end, so that nobody else need.
   */
  onRolloutResult(ended: RolloutResult): boolean {
    const { service, revision, result, reason, isWithoutReturn = false } = ended
    const current = this.current(service)
    if (current === null || current.revision !== revision) return false
    if (result === 'succeeded') {
      if (current.result !== 'running' && current.result !== 'failed') return false
      this.#settle(current, 'healthy', current.reason)
      this.#options.emit({
        kind: 'deployment.healthy',
        service,
        message: `${service} runs revision ${revision}, and all of it is healthy`,
      })
      return true
    }
    const isSecondFailure = current.by === 'automatic_rollback'
    const target = isWithoutReturn ? null : (ended.back ?? (isSecondFailure ? null : this.lastHealthy(service)))
    // One that had nothing to go back to when it failed may have by now.
    if (current.result !== 'running' && (current.result !== 'failed' || target === null)) return false
    this.#settle(current, 'failed', reason)
    const next =
      target === null
        ? `; ${isWithoutReturn ? 'it is not gone back from, as others wait for its end' : whyStays(isSecondFailure)}`
        : ''
    this.#options.emit({
      kind: 'deployment.failed',
      service,
      message: `revision ${revision} of ${service} failed: ${reason}${next}`,
    })
    if (target !== null) {
      this.#goBackTo(target, `revision ${revision} failed: ${reason}`, 'automatic_rollback')
    }
    return true
  }

  /** Whether it was replaced before it could show itself to be well, and nothing else is known of it. */
  mayProve(service: string, revision: string): boolean {
    return this.#newestOf(service, revision)?.result === 'superseded'
  }

  /** A superseded one has shown itself to be well after all: it is one to go back to. */
  onProven(service: string, revision: string): void {
    const found = this.#newestOf(service, revision)
    if (found?.result === 'superseded') this.#settle(found, 'healthy', '')
  }

  /** Every service that is remembered. */
  services(): string[] {
    return [...new Set([...this.#table.values.values()].map(({ service }) => service))]
  }

  /** Forgets a service that is no part of the app any more, and that nobody can go back to. */
  forget(service: string): void {
    const { store } = this.#options
    store.transaction(() => {
      for (const deployment of this.#listOf(service)) this.#table.delete(keyOf(deployment))
      for (const key of store.all('revision').keys()) {
        if (key.startsWith(`${service}/`)) store.delete('revision', key)
      }
    })
  }

  #targetOf(service: string, to: string | null): Revision {
    const current = this.current(service)
    if (to === null) {
      const target = this.lastHealthy(service)
      if (target !== null) return target
      const early = this.history(service).find(
        ({ result, revision }) => result === 'superseded' && revision !== current?.revision,
      )
      throw new PandoError('not_found', `there is no older revision of ${service} that was healthy and is still kept`, {
        hint:
          early === undefined
            ? `pando history ${service} shows all that there were`
            : `${early.revision} was replaced before it could show itself to be well; to take it all the same: pando rollback ${service} --to ${early.revision}`,
      })
    }
    const known = this.revisions(service)
    const named = known.filter(({ revision }) => revision === to)
    const matches = named.length > 0 ? named : known.filter(({ revision }) => revision.startsWith(to))
    const [target] = matches
    if (target === undefined || matches.length > 1) {
      const what = matches.length > 1 ? `several revisions of ${service} begin with` : `${service} has no revision`
      throw new PandoError('not_found', `${what} ${to}`, { hint: `pando history ${service} shows all that there are` })
    }
    if (target.revision === current?.revision && current.result !== 'failed') {
      throw new PandoError('conflict', `${service} runs revision ${target.revision} already`)
    }
    if (!this.#options.isKept(target)) {
      throw new PandoError('not_found', `what was built for revision ${target.revision} of ${service} is gone`, {
        hint: 'only the newest revisions are kept; check out its sources and deploy them again',
      })
    }
    return target
  }

  #add({ service, revision, spec, source }: Revision, by: DeploymentCause, reason: string): Deployment {
    const { store, clock } = this.#options
    const at = clock.now()
    const number = 1 + [...this.#table.values.values()].reduce((most, one) => Math.max(most, one.number), 0)
    const deployment: Deployment = { number, service, revision, at, by, result: 'running', reason, settledAt: null }
    store.put('revision', `${service}/${revision}`, { service, revision, spec, source })
    this.#table.put(keyOf(deployment), deployment)
    const list = this.#listOf(service)
    for (const old of list.splice(0, Math.max(0, list.length - keptDeployments))) {
      this.#table.delete(keyOf(old))
      if (!list.some((one) => one.revision === old.revision)) store.delete('revision', `${service}/${old.revision}`)
    }
    return deployment
  }

  #settle(deployment: Deployment, result: Deployment['result'], reason: string): void {
    this.#table.put(keyOf(deployment), { ...deployment, result, reason, settledAt: this.#options.clock.now() })
  }

  #newestOf(service: string, revision: string): Deployment | undefined {
    return this.#listOf(service).findLast((deployment) => deployment.revision === revision)
  }

  /** Oldest first. */
  #listOf(service: string): Deployment[] {
    const own = [...this.#table.values.values()].filter((deployment) => deployment.service === service)
    return own.sort((a, b) => a.number - b.number)
  }
}

function whyStays(isSecondFailure: boolean): string {
  return isSecondFailure
    ? 'it was itself gone back to, so nothing more is tried by itself'
    : 'there is no healthy older revision to go back to'
}

function keyOf({ service, number }: Deployment): string {
  return `${service}/${String(number).padStart(10, '0')}`
}
