import { type Endpoint, PandoError } from '@pando/model'
import type { Builder } from '../build/builder.js'
import type { Clock } from '../clock.js'
import type { Driver, InstanceReport, StartOrder } from '../drivers/driver.js'
import { FakeDriver, FakeSubstrate, type FakeBehaviour } from '../drivers/fake-driver.js'
import type { Prober } from '../health/prober.js'
import { MemoryStore } from '../store/memory-store.js'
import type { RecordKind } from '../store/store.js'
import { Reconciler } from './loop.js'
import { Death, Life } from './mortal-life.suite.js'
import type { plan } from './plan.js'
import type { advance } from './rollout-advance.js'
import { bounds, isStaged, rolloutSpecOf } from './rollout-state.js'
import { changed, drainTimeoutMs, type Wish } from './simulated-app.suite.js'
import { seededRandom, SimulatedClock } from './simulated-clock.suite.js'
import type { Desired, DesiredService, InstanceHealthRecord } from './state.js'

/*
 * A world in which control planes, programs, gateways and clocks fail, and what must hold in it all the same:
 *
 * 1. At no instant do two live instances share a slot.
 * 2. What is healthy and wanted is not taken out of the table or stopped: an instance that serves leaves it only when as many
 *    healthy ones as are wanted remain (but where a fixed port makes that impossible). So the healthy never become fewer than
 *    the replicas by a change of ours, only by faults.
 * 3. An instance that has been in the table as healthy or unhealthy is told to stop only after its endpoint was draining and
 *    every gateway has let go of it, or the drain's time was over.
 * 4. A desired state once acknowledged is there after any death.
 *    A rollout may take down as many more as its `max_unavailable` allows, or the one that must stop first; what replaces an old one
 *    counts only after its `min_healthy_time`; and before a staged rollout has switched the good ones all stay.
 * 5. When faults cease, the world comes within bounded time to exactly the desired state, and stays there: every replica runs
 *    and is in the table, nothing else runs, and neither driver nor store remembers anything else (no orphan).
 * 6. A rollout that does not get on is given up soon after its deadline.
 */

export type StartFault =
  | 'rejected'
  | 'unready'
  | 'slow'
  | 'lost'
  | 'rejected_but_runs'
  | 'exits'
  | 'ignores_stop'
  | 'begins_late'

export type Act =
  | { readonly do: 'crash' | 'hang' | 'recover'; readonly which: number }
  | { readonly do: 'next_start'; readonly how: StartFault }
  | { readonly do: 'next_call_fails'; readonly method: 'stop' | 'kill' | 'remove' | 'list' }
  | { readonly do: 'next_build_fails' }
  | { readonly do: 'clock'; readonly ms: number }
  /**
   * The control plane dies after so many more writes and calls, and is back `downMs` later. The next one may die in its turn,
   * after `again` of them: while it takes over.
   */
  | { readonly do: 'die'; readonly after: number; readonly downMs: number; readonly again: number | null }
  | { readonly do: 'gateway'; readonly isStuck: boolean }
  | { readonly do: 'promote' | 'abort'; readonly which: number }
  | ({ readonly do: 'want' } & Wish)

export interface Event {
  readonly act: Act
  /** How long nothing else is done to the world after it. */
  readonly thenMs: number
}

export interface History {
  readonly seed: number
  readonly services: readonly DesiredService[]
  readonly events: readonly Event[]
}

/** A revision that never becomes well, whatever else happens. Nothing converges on it, so that a history must end on another. */
export function isBad(revision: string): boolean {
  return revision.endsWith('-bad')
}

const badBehaviours: readonly FakeBehaviour[] = [
  { healthyAfterMs: null },
  { healthyAfterMs: null, exitsAfterMs: 700, exit: { kind: 'exit', code: 1 } },
  // Healthy, but not for as long as a rollout asks for.
  { healthyAfterMs: 0, exitsAfterMs: 1500, exit: { kind: 'exit', code: 1 } },
]

/** After its deadline, with a control plane that may have been down for some time. */
const giveUpWithinMs = 60_000
const convergesWithinMs = 15 * 60_000

export interface WorldOptions {
  readonly plan?: typeof plan
  readonly advance?: typeof advance
  /** The store takes writes of this kind and forgets them. */
  readonly loses?: RecordKind
}

export class World {
  readonly clock = new SimulatedClock()
  readonly store = new MemoryStore({ eventLimit: 10 })
  readonly substrate: FakeSubstrate
  readonly violations: string[] = []
  readonly log: string[] = []
  readonly #random: () => number
  readonly #options: WorldOptions
  #life = new Life()
  #reconciler!: Reconciler
  #onDrained: (id: string) => void = () => {}
  /** What the gateways serve by: they outlive the control plane. */
  #table = new Map<string, Endpoint>()
  /** Since when, on steady time: no jump of the clock may cut a drain short. */
  readonly #draining = new Map<string, number>()
  readonly #released = new Set<string>()
  #isGatewayStuck = false
  readonly #hung = new Set<string>()
  readonly #nextStarts: StartFault[] = []
  readonly #failingCalls: string[] = []
  #failingBuilds = 0
  #acknowledged: Desired = new Map()
  /** A wish in whose writing the control plane died: it may be there or not. */
  #attempted: Desired | null = null

  constructor(seed: number, options: WorldOptions = {}) {
    this.#random = seededRandom(seed)
    this.#options = options
    this.substrate = new FakeSubstrate({
      clock: this.clock,
      faults: {
        behaviour: (order) => this.#behaviour(order),
        call: (method) => {
          const index = this.#failingCalls.indexOf(method)
          if (index < 0) return null
          this.#failingCalls.splice(index, 1)
          return new PandoError('internal', `${method} failed`)
        },
      },
    })
  }

  /** Plays the history, then lets all faults cease. Returns the first violation, or null. */
  async play(history: History): Promise<string | null> {
    this.#boot()
    await this.#pass(0)
    this.#want(new Map(history.services.map((service) => [service.name, service])))
    for (const { act, thenMs } of history.events) {
      this.log.push(`${this.clock.steady} ${JSON.stringify(act)}`)
      this.#do(act)
      await this.#pass(thenMs)
      if (this.violations.length > 0) return this.violations[0]
    }
    await this.#converge()
    return this.violations[0] ?? null
  }

  async #converge(): Promise<void> {
    this.#isGatewayStuck = false
    this.#nextStarts.length = 0
    this.#failingCalls.length = 0
    this.#failingBuilds = 0
    // What hangs goes on hanging: a program does not recover because nothing else fails. It has to be replaced.
    this.#life.left = null
    this.#nextLifeLeft = null
    for (const [id, endpoint] of this.#table) if (endpoint.state === 'draining') this.#release(id)
    await this.#pass(1000)
    const deadline = this.clock.steady + convergesWithinMs
    while (this.#difference() !== null) {
      if (this.violations.length > 0) return
      if (this.clock.steady > deadline) {
        this.violations.push(`did not converge: ${this.#difference()}`)
        return
      }
      await this.#pass(5000)
    }
    const { starts } = this.substrate
    await this.#pass(45_000)
    const after = this.#difference()
    if (after !== null) this.violations.push(`did not stay converged: ${after}`)
    if (this.substrate.starts !== starts) this.violations.push('started something after it had converged')
  }

  #pass(ms: number): Promise<void> {
    return this.clock.pass(ms, () => {
      this.#checkSlots()
      this.#checkDeadlines()
    })
  }

  // The control plane, and its end.

  #boot(): void {
    const life = new Life()
    this.#life = life
    life.left = this.#nextLifeLeft
    this.#nextLifeLeft = null
    const driver = new FakeDriver(this.substrate)
    life.onDeath = () => {
      driver.die()
      this.#onDrained = () => {}
      this.log.push(`${this.clock.steady} control plane dies`)
      const downMs = this.#downMs
      this.clock.after(downMs, () => this.#boot())
    }
    const clock = life.clock(this.clock)
    const reconciler = new Reconciler({
      driver: this.#mortalDriver(life, driver),
      builder: this.#builder(clock),
      prober: this.#prober(clock),
      store: life.store(this.store, (kind, key, value) => {
        if (kind === 'health') this.#checkDrain(key, value as InstanceHealthRecord)
        return kind !== this.#options.loses
      }),
      clock,
      random: this.#random,
      endpoints: {
        sync: (endpoints) => life.isAlive && this.#sync(endpoints),
        isDrained: (id) => this.#table.get(id)?.state === 'draining' && this.#released.has(id),
        onDrained: (callback) => (this.#onDrained = callback),
      },
      emit: ({ kind, message }) => life.isAlive && this.log.push(`${this.clock.steady} ${kind} ${message}`),
      prepare: (service) => ({
        address: service.spec.protocol === 'none' ? null : { host: '127.0.0.1', port: 20_000 },
        environment: {},
      }),
      ...(this.#options.plan === undefined ? {} : { plan: this.#options.plan }),
      ...(this.#options.advance === undefined ? {} : { advance: this.#options.advance }),
    })
    this.#reconciler = reconciler
    reconciler.start().catch((error: unknown) => {
      if (!(error instanceof Death)) this.violations.push(`start rejected: ${String(error)}`)
    })
    if (life.isAlive) this.#checkAcknowledged()
  }

  #downMs = 500
  #nextLifeLeft: number | null = null

  #mortalDriver(life: Life, driver: FakeDriver): Driver {
    const around = async <T>(work: () => Promise<T>): Promise<T> => {
      life.step()
      const result = work()
      result.catch(() => {})
      life.step()
      const value = await result
      return life.isAlive ? value : new Promise<T>(() => {})
    }
    return {
      kind: 'process',
      start: (order) => around(() => this.#startLossy(driver, order)),
      stop: (id) => {
        this.#checkStop(id)
        return around(() => driver.stop(id))
      },
      kill: (id) => around(() => driver.kill(id)),
      remove: (id) => around(() => driver.remove(id)),
      list: () => around(() => driver.list()),
      watch: (onExit) => driver.watch((report) => life.isAlive && onExit(report)),
      close: () => driver.close(),
    }
  }

  async #startLossy(driver: FakeDriver, order: StartOrder): Promise<InstanceReport> {
    const isLossy = this.#nextStarts[0] === 'rejected_but_runs'
    const report = await driver.start(order)
    if (isLossy) throw new PandoError('internal', 'the answer was lost')
    return report
  }

  #builder(clock: Clock): Builder {
    return {
      build: (order) =>
        new Promise((resolve, reject) => {
          const isFailing = this.#failingBuilds > 0
          if (isFailing) this.#failingBuilds--
          clock.after(200, () =>
            isFailing
              ? reject(new PandoError('build_failed', 'it does not compile'))
              : resolve({ command: ['serve'], workdir: order.workdir, environment: {}, path: [] }),
          )
        }),
    }
  }

  #prober(clock: Clock): Prober {
    return {
      probe: (target, _probe, timeoutMs) =>
        new Promise((resolve) => {
          const isHung = this.#hung.has(target.id)
          clock.after(isHung ? timeoutMs : 5, () => {
            const ok = !isHung && this.substrate.isHealthy(target.id)
            resolve({ ok, detail: isHung ? 'no answer' : ok ? '' : 'refused' })
          })
        }),
    }
  }

  #behaviour(order: StartOrder): FakeBehaviour {
    const isJob = order.service === 'job'
    const well = isJob ? { exitsAfterMs: 1500, exit: { kind: 'exit', code: 0 } as const } : { healthyAfterMs: 300 }
    if (isBad(order.revision)) return badBehaviours[order.slot % badBehaviours.length]!
    switch (this.#nextStarts.shift()) {
      case 'rejected':
        return { reject: new PandoError('internal', 'no'), beginsAfterMs: 50 }
      case 'unready':
        return isJob ? well : { healthyAfterMs: null }
      case 'slow':
        return { ...well, healthyAfterMs: 6000 }
      case 'lost':
        return { ...well, resolvesAfterMs: null }
      case 'exits':
        return { healthyAfterMs: 0, exitsAfterMs: 700, exit: { kind: 'exit', code: 1 } }
      case 'ignores_stop':
        return { ...well, stopsAfterMs: null }
      case 'begins_late':
        return { ...well, beginsAfterMs: 2000, resolvesAfterMs: 500 }
      default:
        return { ...well, stopsAfterMs: 200 }
    }
  }

  // The gateways.

  #sync(endpoints: readonly Endpoint[]): void {
    const next = new Map(endpoints.map((endpoint) => [endpoint.id, endpoint]))
    for (const before of this.#table.values()) this.#checkLeaving(before, next)
    for (const [id, { state }] of next) {
      if (state !== 'draining' || this.#draining.has(id)) continue
      this.#draining.set(id, this.clock.steady)
      if (!this.#isGatewayStuck) this.clock.after(800, () => this.#release(id))
    }
    this.#table = next
  }

  #release(id: string): void {
    if (this.#isGatewayStuck) return
    this.#released.add(id)
    this.#onDrained(id)
  }

  // What is done to it all.

  #do(act: Act): void {
    switch (act.do) {
      case 'crash': {
        const order = this.#pick(act.which)
        if (order !== null) this.substrate.crash(order.id)
        return
      }
      case 'hang': {
        const order = this.#pick(act.which)
        if (order !== null) this.#hung.add(order.id)
        return
      }
      case 'recover':
        this.#hung.clear()
        return
      case 'next_start':
        this.#nextStarts.push(act.how)
        return
      case 'next_call_fails':
        this.#failingCalls.push(act.method)
        return
      case 'next_build_fails':
        this.#failingBuilds++
        return
      case 'clock':
        this.clock.jump(act.ms)
        return
      case 'die':
        this.#downMs = act.downMs
        this.#nextLifeLeft = act.again
        if (act.after === 0) this.#life.end()
        else this.#life.left = act.after
        return
      case 'gateway':
        this.#isGatewayStuck = act.isStuck
        return
      case 'promote':
      case 'abort':
        this.#steer(act.do, act.which)
        return
      case 'want':
        this.#want(changed(this.#reconciler.desired(), act))
    }
  }

  #pick(which: number): StartOrder | null {
    const running = this.substrate.running()
    return running[which % Math.max(1, running.length)] ?? null
  }

  #steer(order: 'promote' | 'abort', which: number): void {
    const names = [...this.#reconciler.desired().keys()]
    const name = names[which % Math.max(1, names.length)]
    if (!this.#life.isAlive || name === undefined) return
    try {
      if (this.#reconciler[order](name)) this.log.push(`${this.clock.steady} ${name}: ${order} was taken`)
    } catch (error) {
      if (!(error instanceof Death)) throw error
    }
  }

  #want(desired: Desired): void {
    if (!this.#life.isAlive) return
    try {
      this.#attempted = desired
      this.#reconciler.setDesired(desired)
      this.#acknowledged = desired
      this.#attempted = null
    } catch (error) {
      if (!(error instanceof Death)) throw error
    }
  }

  // What must hold.

  #checkSlots(): void {
    const held = new Map<string, string>()
    for (const { id, service, slot } of this.substrate.running()) {
      const key = `${service}/${slot}`
      const other = held.get(key)
      if (other !== undefined) this.violations.push(`two live instances in ${key}: ${other} and ${id}`)
      held.set(key, id)
    }
  }

  /** Invariant 6. */
  #checkDeadlines(): void {
    if (!this.#life.isAlive) return
    for (const [name, { state, revision, waitsSince }] of this.store.all('rollout')) {
      const desired = this.store.get('desired', name)
      if (state !== 'progressing' || waitsSince === null || desired?.rollout === undefined) continue
      const over = this.clock.now() - waitsSince - desired.rollout.progressDeadlineMs
      if (over > giveUpWithinMs) this.violations.push(`${name} still waits for ${revision} after its deadline`)
    }
  }

  /** Invariant 2, at the moment when the decision is written: what fails after that is a fault's doing. */
  #checkDrain(id: string, record: InstanceHealthRecord): void {
    const isDecided = record.drain !== null && this.store.get('health', id)?.drain === null
    if (!isDecided || record.health !== 'healthy') return
    const running = this.substrate.running()
    const name = running.find((order) => order.id === id)?.service ?? ''
    const desired = this.#reconciler.desired().get(name)
    if (desired === undefined || desired.isStopped || desired.spec.port !== null || name === 'job') return
    const isOfNow = (order: StartOrder | undefined): boolean =>
      order?.revision === desired.revision && order.generation === desired.generation
    const drained = running.find((order) => order.id === id)
    const { minHealthyMs, order: which } = rolloutSpecOf(desired)
    const left = running.filter((order) => {
      const other = this.store.get('health', order.id)
      const isLeaving = order.id === id || other?.drain !== null || other.stop !== null
      if (order.service !== name || isLeaving || other.health !== 'healthy') return false
      // The clock of histories with rollouts is never set.
      return isOfNow(drained) || !isOfNow(order) || this.clock.now() - other.since >= minHealthyMs
    })
    const spare = which === 'stop-first' ? 1 : bounds(desired, desired.replicas).unavailable
    if (left.length < desired.replicas - spare) {
      const of = spare === 0 ? desired.replicas : `${desired.replicas} less ${spare}`
      this.violations.push(`${id} was healthy and drained with ${left.length} of ${of} healthy left`)
    }
    const rollout = this.store.get('rollout', name)
    const isHeld = rollout?.revision === desired.revision && isStaged(desired, rollout) && rollout.switchedAt === null
    if (isHeld && drained?.revision === rollout.good?.revision) {
      this.violations.push(`${id} was good and drained before the traffic had gone from it`)
    }
  }

  /** Invariant 2 as the gateways see it. */
  #checkLeaving(before: Endpoint, next: ReadonlyMap<string, Endpoint>): void {
    const { id, state } = before
    if (next.has(id) || state === 'starting' || state === 'draining') return
    if (this.substrate.running().some((order) => order.id === id)) {
      this.violations.push(`${id} left the table while ${state}, without a drain`)
    }
  }

  /** Invariant 3. */
  #checkStop(id: string): void {
    const draining = this.#draining.get(id)
    if (draining === undefined || this.#released.has(id)) return
    if (this.clock.steady - draining < drainTimeoutMs) {
      this.violations.push(`${id} was told to stop before its drain was over`)
    }
  }

  /** Invariant 4. */
  #checkAcknowledged(): void {
    const found = this.#reconciler.desired()
    for (const possible of [this.#acknowledged, this.#attempted]) {
      if (possible === null || this.#isReached(possible, found) !== null) continue
      this.#acknowledged = possible
      this.#attempted = null
      return
    }
    this.violations.push('an acknowledged desired state was lost')
  }

  /** Null when `found` is what was wanted, but for services that have gone back as they should. */
  #isReached(wanted: Desired, found: Desired): string | null {
    if (wanted.size !== found.size) return 'other services are wanted'
    for (const [name, service] of wanted) {
      const now = found.get(name)
      if (JSON.stringify(now) === JSON.stringify(service)) continue
      const rollout = this.store.get('rollout', name)
      const isBack = rollout?.isRollback === true && rollout.good?.revision === now?.revision
      const { revision, spec, generation } = now ?? service
      const isSameElse =
        JSON.stringify({ ...now, revision, spec, generation }) ===
        JSON.stringify({ ...service, revision, spec, generation })
      if (!isBack || !isSameElse || !rollout.reason.startsWith(`${service.revision} failed`)) {
        return `${name} is not wanted as it was: ${JSON.stringify(now)}`
      }
    }
    return null
  }

  /** Invariant 5: what is not as desired, or null. */
  #difference(): string | null {
    if (!this.#life.isAlive) return 'the control plane is down'
    const running = this.substrate.running()
    const unwanted = this.#isReached(this.#acknowledged, this.#reconciler.desired())
    if (unwanted !== null) return unwanted
    for (const desired of this.#reconciler.desired().values()) {
      if (isBad(desired.revision)) return `${desired.name} stays with a revision that is never well`
      const mine = running.filter((order) => order.service === desired.name)
      if (mine.some((order) => order.revision !== desired.revision || order.generation !== desired.generation)) {
        return `an instance of ${desired.name} is not of the wanted revision`
      }
      const wanted = desired.isStopped || desired.name === 'job' ? 0 : desired.replicas
      if (mine.length !== wanted) return `${mine.length} of ${wanted} instances of ${desired.name} run`
      if (desired.name === 'job' && !desired.isStopped && !this.#hasCompleted(desired))
        return 'the job has not completed'
    }
    const ids = running.map((order) => order.id).sort()
    const hanging = running.find((order) => this.#hung.has(order.id))
    if (hanging !== undefined) return `${hanging.id} hangs`
    const stray = running.find((order) => !this.#acknowledged.has(order.service))
    if (stray !== undefined) return `${stray.id} runs and is not wanted`
    const healthy = [...this.#table.values()].filter((endpoint) => endpoint.state === 'healthy')
    if (!isSame(ids, healthy.map((e) => e.id).sort())) return 'the table does not have just what runs, healthy'
    if (healthy.length !== this.#table.size) return 'the table has more than what is healthy'
    if (!isSame(ids, [...this.store.all('health').keys()].sort())) return 'the store remembers other instances'
    if (
      !isSame(
        ids,
        this.substrate
          .reports()
          .map((report) => report.id)
          .sort(),
      )
    )
      return 'the driver remembers others'
    return null
  }

  #hasCompleted({ name, revision, generation, replicas }: DesiredService): boolean {
    const ended = [...this.store.all('slot')].filter(
      ([key, { ended: run }]) =>
        key.startsWith(`${name}/`) && run?.revision === revision && run.generation === generation && run.isSuccess,
    )
    return ended.length >= replicas
  }
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index])
}
