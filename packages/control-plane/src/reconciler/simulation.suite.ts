import { type Endpoint, PandoError } from '@pando/model'
import type { Clock } from '../clock.js'
import type { InstanceReport, StartOrder } from '../drivers/driver.js'
import { FakeDriver, FakeSubstrate } from '../drivers/fake-driver.js'
import type { NewEvent } from '../events/events.js'
import type { Prober } from '../health/prober.js'
import { FullDisk } from '../store/full-disk.suite.js'
import type { RecordKind } from '../store/store.js'
import { Reconciler } from './loop.js'
import { Death, Life } from './mortal-life.suite.js'
import type { Comparison } from './judge.js'
import type { plan } from './plan.js'
import type { advance } from './rollout-advance.js'
import { bounds, isStaged, rolloutSpecOf } from './rollout-state.js'
import { changed, drainTimeoutMs } from './simulated-app.suite.js'
import { seededRandom, SimulatedClock } from './simulated-clock.suite.js'
import { SimulatedDeployments } from './simulated-deployments.suite.js'
import { isBad, type Act, type History, type StartFault } from './simulated-history.suite.js'
import { behaviourOf, builderOn } from './simulated-programs.suite.js'
import { isPlainlyWorse, SimulatedTraffic } from './simulated-traffic.suite.js'
import type { Desired, DesiredService, InstanceHealthRecord, Rollout } from './state.js'

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
 * 7. What is taken for good has been well for as long as it must, as many as were wanted of it; and a bad revision stays only where
 *    there is none that was.
 * 8. What the control plane remembers is what the store has, whatever could not be made durable; the history of deployments
 *    ends with what is wanted.
 * 9. A canary passes no step while the gateway's figures show it to be worse, and is not judged worse when they do not.
 */

/** After its deadline, with a control plane that may have been down for some time. */
const giveUpWithinMs = 60_000
const convergesWithinMs = 15 * 60_000
/** Beyond its time, for one that was replaced early to be found well. */
const provenWithinMs = 10_000

export interface WorldOptions {
  readonly plan?: typeof plan
  readonly advance?: typeof advance
  /** The store takes writes of this kind and forgets them. */
  readonly loses?: RecordKind
}

export class World {
  readonly clock = new SimulatedClock()
  readonly store = new FullDisk({ eventLimit: 10 })
  readonly substrate: FakeSubstrate
  readonly violations: string[] = []
  readonly log: string[] = []
  readonly #random: () => number
  readonly #options: WorldOptions
  #life = new Life()
  #reconciler!: Reconciler
  #history!: SimulatedDeployments
  #fullUntil = { now: 0, steady: -Infinity }
  #traffic: SimulatedTraffic | null = null
  /** Every one that was ever started, by id. */
  readonly #orders = new Map<string, StartOrder>()
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
        behaviour: (order) => {
          this.#orders.set(order.id, order)
          return behaviourOf(order, () => this.#nextStarts.shift())
        },
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
    if (history.traffic !== undefined) this.#traffic = new SimulatedTraffic(history.traffic, history.seed)
    this.#boot()
    await this.#pass(0)
    this.#want(new Map(history.services.map((service) => [service.name, service])))
    for (const { act, thenMs } of history.events) {
      this.log.push(`${this.clock.steady} ${JSON.stringify(act)}`)
      this.#do(act)
      await this.#pass(thenMs)
      this.#checkMemory()
      if (this.violations.length > 0) return this.violations[0]
    }
    await this.#converge()
    return this.violations[0] ?? null
  }

  async #converge(): Promise<void> {
    this.#isGatewayStuck = false
    this.store.isFull = false
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
      this.#rescue()
    }
    this.#checkMemory()
    const { starts } = this.substrate
    await this.#pass(45_000)
    this.#checkMemory()
    const after = this.#difference()
    if (after !== null) this.violations.push(`did not stay converged: ${after}`)
    if (this.substrate.starts !== starts) this.violations.push('started something after it had converged')
  }

  async #pass(ms: number): Promise<void> {
    await this.clock.pass(ms, () => this.#checkSlots())
    this.#checkDeadlines()
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
    const emit = ({ kind, message }: NewEvent): void => {
      if (life.isAlive) this.log.push(`${this.clock.steady} ${kind} ${message}`)
    }
    const store = life.store(this.store, (kind, key, value) => {
      if (kind === 'health') this.#checkDrain(key, value as InstanceHealthRecord)
      if (kind === 'rollout') this.#checkRollout(key, value as Rollout)
      return kind !== this.#options.loses
    })
    this.#history = new SimulatedDeployments({ store, clock, emit, reconciler: () => reconciler })
    const reconciler = new Reconciler({
      driver: life.driver({
        kind: 'process',
        start: (order) => this.#startLossy(driver, order),
        stop: (id) => {
          this.#checkStop(id)
          return driver.stop(id)
        },
        kill: (id) => driver.kill(id),
        remove: (id) => driver.remove(id),
        list: () => driver.list(),
        watch: (onExit) => driver.watch(onExit),
        close: () => driver.close(),
      }),
      builder: builderOn(clock, () => this.#failingBuilds > 0 && this.#failingBuilds-- > 0),
      prober: this.#prober(clock),
      store,
      clock,
      random: this.#random,
      endpoints: {
        sync: (endpoints) => life.isAlive && this.#sync(endpoints),
        isDrained: (id) => this.#table.get(id)?.state === 'draining' && this.#released.has(id),
        onDrained: (callback) => (this.#onDrained = callback),
      },
      emit,
      figures: (name) => this.#figures(name),
      ...this.#history.options,
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

  async #startLossy(driver: FakeDriver, order: StartOrder): Promise<InstanceReport> {
    const isLossy = this.#nextStarts[0] === 'rejected_but_runs'
    const report = await driver.start(order)
    if (isLossy) throw new PandoError('internal', 'the answer was lost')
    return report
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
      case 'disk':
        this.store.isFull = act.isFull
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
      if (!(error instanceof Death || this.store.isFull)) throw error
    }
  }

  #want(desired: Desired): void {
    if (!this.#life.isAlive) return
    try {
      this.#attempted = desired
      this.#history.want(desired)
      this.#acknowledged = desired
      this.#attempted = null
    } catch (error) {
      if (error instanceof Death) return
      if (!this.store.isFull) throw error
      this.#attempted = null
    }
  }

  /** A bad revision that nothing could be gone back from stays. Then somebody mends it. */
  #rescue(): void {
    if (!this.#life.isAlive) return
    for (const { name, revision } of this.#reconciler.desired().values()) {
      const rollout = this.#rolloutOf(name)
      if (!isBad(revision) || rollout?.revision !== revision || rollout.state !== 'failed') continue
      this.#checkNothingWell(name)
      this.log.push(`${this.clock.steady} ${name} is mended`)
      const desired = this.#reconciler.desired()
      this.#want(new Map(desired).set(name, { ...desired.get(name)!, revision: `${name}-9` }))
    }
  }

  #rolloutOf(name: string): Rollout | undefined {
    return this.#reconciler.observed().rollouts?.get(name)
  }

  #figures(name: string): Comparison | null {
    const service = this.#reconciler.desired().get(name)
    const rollout = this.#rolloutOf(name)
    if (this.#traffic === null || this.#isGatewayStuck || service === undefined || rollout === undefined) return null
    return this.#traffic.figures(service, rollout, this.clock.now())
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
    // What a full disk lets nobody write down nobody can give up.
    if (this.store.isFull) this.#fullUntil = { now: this.clock.now(), steady: this.clock.steady }
    if (!this.#life.isAlive) return
    for (const [name, desired] of this.#reconciler.desired()) {
      const rollout = this.#rolloutOf(name)
      if (rollout?.state !== 'progressing' || rollout.waitsSince === null || desired.rollout === undefined) continue
      const since = Math.max(rollout.waitsSince, this.#fullUntil.now)
      const over = this.clock.now() - since - desired.rollout.progressDeadlineMs
      if (over > giveUpWithinMs) this.violations.push(`${name} still waits for ${rollout.revision} after its deadline`)
    }
  }

  /** Invariants 7 and 9, at the moment when a change of a rollout is written. Of what a full disk refuses nothing comes. */
  #checkRollout(name: string, next: Rollout): void {
    const before = this.#rolloutOf(name)
    const desired = this.#reconciler.desired().get(name)
    if (desired?.rollout === undefined || this.store.isFull) return
    const { good } = next
    if (good !== null && (good.revision !== before?.good?.revision || good.generation !== before.good.generation)) {
      const its = this.#wellOf(good, desired.rollout.minHealthyMs)
      const enough = Math.min(good.replicas, desired.replicas)
      if (its < enough) this.violations.push(`${good.revision} was taken for good with ${its} of ${enough} well`)
    }
    if (before === undefined || before.state !== 'progressing') return
    const figures = this.#figures(name)
    const isWorse = figures !== null && isPlainlyWorse(figures, desired)
    const isPassed = next.revision === before.revision && next.step > before.step && !next.isPromoted
    if (isPassed && isWorse) this.violations.push(`${before.revision} passed a step with ${JSON.stringify(figures)}`)
    if (!before.isRollback && next.reason.includes('judged worse') && !isWorse) {
      this.violations.push(`${before.revision} was judged worse without a fault: ${JSON.stringify(figures)}`)
    }
  }

  /** How many of it have been healthy for so long, and nobody has told to leave. */
  #wellOf({ name, revision, generation }: DesiredService, forMs: number): number {
    return [...this.store.all('health')].filter(([id, { health, since, drain, stop }]) => {
      const order = this.#orders.get(id)
      if (order?.service !== name || order.revision !== revision || order.generation !== generation) return false
      return health === 'healthy' && drain === null && stop === null && this.clock.now() - since >= forMs
    }).length
  }

  /** Invariant 7: nothing that was replaced early is well. */
  #checkNothingWell(name: string): void {
    const { minHealthyMs } = this.#reconciler.desired().get(name)!.rollout!
    const { deployments } = this.#history
    // No more than the last three are remembered as ones that may still show themselves.
    const recent = new Set(
      deployments
        .history(name)
        .slice(0, 3)
        .map(({ revision }) => revision),
    )
    for (const one of this.#running(name, recent)) {
      if (!deployments.mayProve(name, one.revision) || isBad(one.revision)) continue
      if (this.#wellOf(one, minHealthyMs + provenWithinMs) >= one.replicas) {
        this.violations.push(`${name} stays with a bad revision, though ${one.revision} is well`)
      }
    }
  }

  /** What is still running of revisions of a service, each as it would be wanted. */
  #running(name: string, revisions: ReadonlySet<string>): DesiredService[] {
    const desired = this.#reconciler.desired().get(name)!
    return this.substrate
      .running()
      .filter((order) => order.service === name && revisions.has(order.revision))
      .map(({ revision, generation }) => ({ ...desired, revision, generation }))
  }

  /** Invariant 8. */
  #checkMemory(): void {
    if (!this.#life.isAlive || this.#options.loses !== undefined) return
    const isOwed = this.store.isFull || this.clock.steady - this.#fullUntil.steady <= 2000
    const kind = this.#history.aheadOf(this.store, isOwed ? ['slot'] : [])
    if (kind !== null) this.violations.push(`what is remembered of ${kind} records is not what the store has`)
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
    const good = left.filter((order) => order.revision === rollout?.good?.revision)
    if (isHeld && drained?.revision === rollout.good?.revision && good.length < desired.replicas) {
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
    const isAttempted = this.#attempted !== null && isSameWish(this.#attempted, found)
    for (const possible of isAttempted ? [this.#attempted] : [this.#acknowledged, this.#attempted]) {
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
    for (const { name, rollout, replicas, isStopped } of this.#reconciler.desired().values()) {
      const isOver = this.#rolloutOf(name)?.state === 'succeeded'
      if (rollout !== undefined && !isStopped && replicas > 0 && !isOver) return `the rollout of ${name} is not over`
    }
    const ofHistory = this.#history.difference(this.#reconciler.desired())
    if (ofHistory !== null) return ofHistory
    const ids = running.map((order) => order.id).sort()
    const hanging = running.find((order) => this.#hung.has(order.id))
    if (hanging !== undefined) return `${hanging.id} hangs`
    const stray = running.find((order) => !this.#acknowledged.has(order.service))
    if (stray !== undefined) return `${stray.id} runs and is not wanted`
    const healthy = [...this.#table.values()].filter((endpoint) => endpoint.state === 'healthy')
    if (!isSame(ids, healthy.map((e) => e.id).sort())) return 'the table does not have just what runs, healthy'
    if (healthy.length !== this.#table.size) return 'the table has more than what is healthy'
    if (!isSame(ids, [...this.store.all('health').keys()].sort())) return 'the store remembers other instances'
    const listed = this.substrate.reports().map((report) => report.id)
    if (!isSame(ids, listed.sort())) return 'the driver remembers others'
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

function isSameWish(a: Desired, b: Desired): boolean {
  const [one, other] = [a, b].map((wish) => [...wish.values()].map((service) => JSON.stringify(service)).sort())
  return isSame(one!, other!)
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index])
}
