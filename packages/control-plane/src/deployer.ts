import { beginningReplicas, PandoError, type AppSpec, type DeploymentCause } from '@pando/model'
import type { ApplyRequest } from './api/app-control.js'
import type { DeployRequest, ServiceDiff } from './api/deployment-control.js'
import type { Clock } from './clock.js'
import { Deployments } from './deployments/deployments.js'
import type { Revision } from './deployments/revision.js'
import { awake, desiredFrom, withService } from './desired/desired-state.js'
import { differencesBetween } from './desired/difference.js'
import type { NewEvent } from './events/events.js'
import { driverVariable } from './manifest/driver.js'
import { loadManifest } from './manifest/load.js'
import { suggest } from './manifest/nearest.js'
import type { Reconciler } from './reconciler/loop.js'
import type { Desired, DesiredService } from './reconciler/state.js'
import { forEachAtOnce } from './revisions/at-once.js'
import { isBuilt, revisionFolder } from './revisions/revision-folder.js'
import { Snapshots } from './revisions/snapshots.js'
import type { Store } from './store/store.js'

/** States of the whole app that can be gone back to. */
const keptStates = 5
const foldersAtOnce = 4
/** Where the store keeps the present app, among `meta`. */
export const appKey = 'app'
const pastKey = 'past'
const joinedKey = 'joined'
const driverKey = 'driver'

export interface DeployerOptions {
  readonly stateDir: string
  readonly store: Store
  readonly clock: Clock
  readonly emit: (event: NewEvent) => void
  readonly reconciler: Pick<Reconciler, 'desired' | 'observed' | 'setDesired'>
  readonly app: () => AppSpec | null
  /** In memory; that it is durable is done here. */
  readonly setApp: (app: AppSpec | null) => void
  /** Another state is wanted: builds may have become old. */
  readonly onChanged?: () => void
}

/** Manifest of every service that has joined the app from a folder of its own, by service. */
type Joined = Readonly<Record<string, string>>

/** An app and what is wanted of its services: what a manifest and the folders that it names come to. */
export interface Wish {
  readonly app: AppSpec
  readonly desired: Desired
  readonly joined: Joined
}

/** The whole app as it was wanted before a change. */
interface PastState {
  readonly app: AppSpec
  readonly desired: readonly DesiredService[]
  /** Absent in what was written before it was kept here. */
  readonly joined?: Joined
}

/**
 * Brings what is wanted from manifests and folders to the desired state and its history. Not a word of it is about how instances
 * are replaced. Calls that change something must come one after the other.
 */
export class Deployer {
  readonly deployments: Deployments
  readonly #options: DeployerOptions
  readonly #snapshots: Snapshots

  constructor(options: DeployerOptions) {
    const { stateDir, store, clock, emit } = options
    this.#options = options
    this.#snapshots = new Snapshots({ stateDir, clock })
    this.deployments = new Deployments({
      store,
      clock,
      emit,
      redeploy: (revision, alongside) => this.#redeploy(revision, alongside),
      isKept: (revision) => this.#isKept(revision),
    })
  }

  /** What runs services that do not say it, as the app was started with; null: nothing was said. */
  get driver(): 'process' | 'container' | null {
    const said = this.#options.app() === null ? undefined : this.#options.store.get('meta', driverKey)
    return said === 'process' || said === 'container' ? said : null
  }

  /** What a manifest asks for: its own services, and those that have joined the app and are not in it. Takes their snapshots. */
  async wishOf(request: ApplyRequest, { isTaken = true } = {}): Promise<Wish & { readonly driver: string }> {
    const variables = this.#withDriver(request.variables)
    const { app } = await loadManifest({ path: request.manifest, variables })
    const present = this.#options.app()?.services ?? {}
    const guests = Object.entries(this.#joined()).flatMap(([name, manifest]) => {
      const service = app.services[name] === undefined ? present[name] : undefined
      return service === undefined ? [] : [{ name, manifest, service }]
    })
    const before = this.#options.reconciler.desired()
    const sources = await this.#sources(app, isTaken)
    const services = Object.fromEntries(guests.map(({ name, service }) => [name, service]))
    const whole = { ...app, services: { ...app.services, ...services } }
    for (const { name } of guests) sources.set(name, before.get(name)?.source ?? null)
    return {
      app: whole,
      desired: desiredFrom(whole, before, sources),
      joined: Object.fromEntries(guests.map(({ name, manifest }) => [name, manifest])),
      driver: variables[driverVariable] ?? '',
    }
  }

  /** The present app with some services as a manifest has them now, and all others as they are. */
  async partOf({ manifest, variables, services }: DeployRequest): Promise<Wish & { readonly services: string[] }> {
    const present = this.#options.app()
    if (present === null) {
      throw new PandoError('conflict', 'no app runs here that a service could join', {
        hint: 'start it with: pando up',
      })
    }
    const isJoining = services.length === 0
    const { app } = await loadManifest({
      path: manifest,
      variables: this.#withDriver(variables),
      ...(isJoining ? { neighbours: present.services, presentGateway: present.gateway } : {}),
    })
    const names = isJoining ? Object.keys(app.services) : [...services]
    const joined = this.#joined()
    for (const name of names) {
      if (app.services[name] === undefined) {
        const hint = suggest(name, Object.keys(app.services))
        throw new PandoError('not_found', `the manifest has no service "${name}"`, hint === undefined ? {} : { hint })
      }
      if (isJoining && present.services[name] !== undefined && joined[name] !== manifest) {
        throw new PandoError('conflict', `the app has a service ${name} from ${joined[name] ?? present.manifest}`, {
          hint: `deploy that one with: pando deploy ${name}`,
        })
      }
    }
    const parts = Object.fromEntries(names.map((name) => [name, app.services[name]!]))
    const sources = await this.#sources({ ...present, services: parts }, true)
    const before = this.#options.reconciler.desired()
    const fresh = desiredFrom({ ...present, services: parts }, before, sources)
    // One that the app's own manifest has by now is no guest any more.
    const guests = Object.entries(joined).filter(([name, from]) => !names.includes(name) || from === manifest)
    const joining = isJoining ? names.map((name) => [name, manifest]) : []
    return {
      app: { ...present, services: { ...present.services, ...parts } },
      desired: new Map([...before, ...fresh]),
      joined: Object.fromEntries([...guests, ...joining]),
      services: names,
    }
  }

  /**
   * Makes this the desired state, durable when it resolves. `driver` is kept for those who do not say what runs services.
   */
  async want(wish: Wish, by: DeploymentCause, driver?: string): Promise<void> {
    const { reconciler, store } = this.#options
    const { app, joined } = wish
    const before = reconciler.desired()
    const desired = wokenMeanwhile(wish.desired, before)
    const changed = [...desired.values()].filter(({ name, revision }) => before.get(name)?.revision !== revision)
    const isNews = changed.length > 0 || [...before.keys()].some((name) => !desired.has(name))
    const past = isNews ? this.#pastWithPresent() : this.#past()
    reconciler.setDesired(desired, () => {
      store.put('meta', pastKey, past)
      this.#putApp(app)
      store.put('meta', joinedKey, joined)
      if (driver !== undefined) store.put('meta', driverKey, driver)
      this.deployments.record([...desired.values()].map(revisionFrom), by)
    })
    this.#forgetGone(desired)
    this.#options.onChanged?.()
  }

  /** Everything as it was before the last change of the whole; returns that app. */
  goBack(): AppSpec {
    const { reconciler, store } = this.#options
    const past = this.#past()
    const last = past.at(-1)
    if (last === undefined) {
      throw new PandoError('not_found', 'there is no earlier state of the app to go back to', {
        hint: 'pando history shows what was deployed; pando rollback SERVICE goes back with one',
      })
    }
    const before = reconciler.desired()
    const desired = new Map(
      last.desired.map((service) => [service.name, { ...service, ...keptOf(service, before.get(service.name)) }]),
    )
    const lost = [...desired.values()].find((service) => !this.#isKept(revisionFrom(service)))
    if (lost !== undefined) {
      throw new PandoError('not_found', `what was built for revision ${lost.revision} of ${lost.name} is gone`, {
        hint: `check out its sources and deploy them again, or go back with the others one by one`,
      })
    }
    reconciler.setDesired(desired, () => {
      store.put('meta', pastKey, past.slice(0, -1))
      store.put('meta', joinedKey, last.joined ?? this.#joined())
      this.#putApp(last.app)
      this.deployments.record([...desired.values()].map(revisionFrom), 'rollback', 'the whole app was rolled back')
    })
    return last.app
  }

  /**
   * Takes a service that has joined out of the app again; returns the app without it. Throws `conflict` for one of the app's own
   * manifest, which the next `up` would bring back, and for one that others depend on.
   */
  async remove(service: string): Promise<AppSpec> {
    const { reconciler, app } = this.#options
    const present = app()
    const desired = new Map(reconciler.desired())
    if (present === null || this.#joined()[service] === undefined) {
      throw new PandoError('conflict', `${service} is in the app's own manifest`, {
        hint: 'take it out there and run: pando up',
      })
    }
    const waiting = [...desired.values()].filter(({ dependsOn }) => dependsOn[service] !== undefined)
    if (waiting.length > 0) {
      throw new PandoError('conflict', `${waiting.map(({ name }) => name).join(', ')} depends on ${service}`, {
        hint: 'remove that first, or deploy it without `depends_on`',
      })
    }
    desired.delete(service)
    const { [service]: _, ...services } = present.services
    const rest = { ...present, services }
    const { [service]: __, ...joined } = this.#joined()
    await this.want({ app: rest, desired, joined }, 'deploy')
    return rest
  }

  async diff(request: ApplyRequest): Promise<ServiceDiff[]> {
    const before = this.#options.reconciler.desired()
    const { desired } = await this.wishOf(request, { isTaken: false })
    const names = [...new Set([...before.keys(), ...desired.keys()])].sort()
    const diffs: ServiceDiff[] = []
    for (const name of names) {
      const old = before.get(name) ?? null
      const fresh = desired.get(name) ?? null
      const fields = differencesBetween(old, fresh)
      const isSame = old?.revision === fresh?.revision && fields.length === 0
      const change = old === null ? 'added' : fresh === null ? 'removed' : isSame ? 'unchanged' : 'changed'
      const hasFiles = change === 'changed' && old?.source != null && fresh?.source != null
      const files = hasFiles
        ? await this.#snapshots.changesSince(name, old.source ?? '', old.spec.build, fresh.spec.build)
        : null
      diffs.push({
        service: name,
        change,
        before: old?.revision ?? null,
        after: fresh?.revision ?? null,
        fields,
        files,
      })
    }
    return diffs
  }

  async #sources(app: AppSpec, isTaken: boolean): Promise<Map<string, string | null>> {
    const sources = new Map<string, string | null>()
    await forEachAtOnce(Object.values(app.services), foldersAtOnce, async ({ name, revision: { build } }) => {
      sources.set(name, await (isTaken ? this.#snapshots.take(name, build) : this.#snapshots.digest(name, build)))
    })
    return sources
  }

  /** Within a transaction: in memory as in the store. */
  #putApp(app: AppSpec): void {
    const { store, setApp } = this.#options
    const before = this.#options.app()
    store.put('meta', appKey, app)
    setApp(app)
    store.onRollback(() => setApp(before))
  }

  #redeploy({ service, revision, spec, source }: Revision, alongside: () => void): void {
    const { app, reconciler } = this.#options
    const change = (before: DesiredService): DesiredService => ({
      ...before,
      revision,
      spec,
      source,
      isStopped: false,
      replicas: awake(before),
    })
    const present = app()
    const part = present?.services[service]
    const now =
      present === null || part === undefined
        ? null
        : { ...present, services: { ...present.services, [service]: { ...part, revision: spec } } }
    reconciler.setDesired(withService(reconciler.desired(), service, change), () => {
      alongside()
      if (now !== null) this.#putApp(now)
    })
  }

  #isKept({ service, source, spec }: Revision): boolean {
    if (source === null) return true
    const folder = revisionFolder(this.#options.stateDir, { service, source, build: spec.build })
    return isBuilt(folder) || this.#snapshots.has(service, source, spec.build)
  }

  /** Services that are wanted no more, and that no state which can be gone back to has. */
  #forgetGone(desired: Desired): void {
    const kept = new Set(this.#past().flatMap((past) => past.desired.map(({ name }) => name)))
    for (const { service } of this.#options.reconciler.observed().instances) kept.add(service)
    for (const service of this.deployments.services()) {
      if (!desired.has(service) && !kept.has(service)) this.deployments.forget(service)
    }
  }

  #pastWithPresent(): readonly PastState[] {
    const { app, reconciler } = this.#options
    const present = app()
    if (present === null) return this.#past()
    const desired = [...reconciler.desired().values()]
    return [...this.#past(), { app: present, desired, joined: this.#joined() }].slice(-keptStates)
  }

  #past(): readonly PastState[] {
    return pastStates(this.#options.store)
  }

  /** Who does not say what runs services means what the app was started with, as long as it is there. */
  #withDriver(variables: ApplyRequest['variables']): ApplyRequest['variables'] {
    const { driver } = this
    return variables[driverVariable] || driver === null ? variables : { ...variables, [driverVariable]: driver }
  }

  #joined(): Joined {
    return (this.#options.store.get('meta', joinedKey) ?? {}) as Joined
  }
}

function pastStates(store: Pick<Store, 'get'>): readonly PastState[] {
  return (store.get('meta', pastKey) ?? []) as readonly PastState[]
}

/** The services of all states of the app that can be gone back to, as they were wanted then. */
export function pastServices(store: Pick<Store, 'get'>): DesiredService[] {
  return pastStates(store).flatMap(({ desired }) => desired)
}

/** A request may have woken a service while the wish for it was read. */
function wokenMeanwhile(wish: Desired, now: Desired): Desired {
  return new Map(
    [...wish].map(([name, service]) => {
      const woken = service.autoscale === undefined || service.replicas > 0 ? 0 : (now.get(name)?.replicas ?? 0)
      return [name, woken === 0 ? service : { ...service, replicas: Math.min(woken, service.autoscale?.max ?? woken) }]
    }),
  )
}

/** What going back takes nothing away from: restarts, and a count that follows the load. */
function keptOf(
  past: DesiredService,
  now: DesiredService | undefined,
): Pick<DesiredService, 'generation' | 'replicas'> {
  const { autoscale } = past
  const present = now?.autoscale === undefined ? null : awake(now)
  return {
    generation: now?.generation ?? 0,
    replicas: autoscale === undefined ? past.replicas : beginningReplicas(autoscale, past.replicas, present),
  }
}

function revisionFrom({ name, revision, spec, source = null }: DesiredService): Revision {
  return { service: name, revision, spec, source }
}
