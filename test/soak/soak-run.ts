import type { InstanceStatus } from '@pando/model'
import { until } from '../support/condition.js'
import { NumberedLoad } from '../support/numbered-load.js'
import { MessageLoad } from './message-load.js'
import { isSettled, replicas, rollbackWithinMs, type SoakApp, type Version } from './soak-app.js'
import { stepsOf, type SoakOptions, type SoakStep } from './soak-options.js'
import { footprintOf, isOfBadCanary, outcomeOf, type Footprint, type SoakOutcome } from './soak-outcome.js'

/** Each has one request under way at the most. */
const connections = 4
const bads = ['crash', 'unhealthy', '500'] as const
const planeKinds = ['a deploy', 'a promote', 'an abort'] as const
/** Of a canary that only moves when it is told. */
const byHand = '{ strategy: canary, min_healthy_time: 300ms, steps: [{ weight: 20 }] }'
const judged = '{ strategy: canary, min_healthy_time: 300ms, steps: [{ weight: 10, pause: 60s }] }'
const progressDeadline = '{ min_healthy_time: 300ms, progress_deadline: 10s }'

/** One soak: steps in their order under load, and what was seen. */
export class SoakRun {
  readonly #soak: SoakApp
  readonly #options: SoakOptions
  readonly #random: () => number
  readonly #say: (line: string) => void
  readonly #done = new Map<string, number>()
  readonly #rollbacksMs = new Map<string, number[]>()
  readonly #deploysMs: number[] = []
  readonly #violations: string[] = []
  readonly #load: NumberedLoad
  readonly #messages: MessageLoad
  #version = 0
  /** POSTs that failed when none may. */
  readonly #wrongPosts: string[] = []

  constructor(soak: SoakApp, options: SoakOptions, random: () => number, say: (line: string) => void) {
    this.#soak = soak
    this.#options = options
    this.#random = random
    this.#say = say
    const port = soak.app.gatewayPort
    this.#load = new NumberedLoad({
      port,
      path: '/work',
      connections,
      postEvery: 4,
      maxRequests: 20_000_000,
      pauseMs: 4,
    })
    this.#messages = new MessageLoad({ url: `ws://127.0.0.1:${port}/work`, clients: 4 })
  }

  async run(): Promise<SoakOutcome> {
    const startedAt = Date.now()
    const before = footprintOf(this.#soak.app, await this.#soak.control.status())
    const steps = stepsOf(this.#options)
    let done = 0
    let broke: string | null = null
    for (const step of steps) {
      if (Date.now() - startedAt > this.#options.minutes * 60_000) break
      broke = await this.#take(step).catch((error: Error) => `${step}: ${error.message}`)
      if (broke !== null) break
      done++
      if (done % 10 === 0 || done === steps.length) this.#progress(done, steps.length, startedAt)
    }
    if (broke !== null) {
      this.#violations.push(broke)
      const { stdout } = await this.#soak.app.run('events')
      const said = this.#soak.lastDeploy
      this.#say(`${broke}; the last \`pando up\` (code ${said?.code}): ${said?.stdout}${said?.stderr}`)
      this.#say(`the last events:\n${stdout.trimEnd().split('\n').slice(-40).join('\n')}`)
    }
    return this.#end(before, startedAt, done < steps.length)
  }

  /** Resolves with null; a step that does not come to its end ends the run. */
  async #take(step: SoakStep): Promise<null> {
    const before = this.#load.failures.failedOther.length
    await this.#doing[step]()
    const failed = this.#load.failures.failedOther.slice(before).filter((failure) => !isOfBadCanary(failure))
    // Nobody may send a POST twice: one that a killed instance had begun is lost, and its client is told.
    const mayFail = step === 'kill' ? connections : 0
    this.#wrongPosts.push(
      ...failed.slice(mayFail),
      ...failed.slice(0, mayFail).filter((each) => !isLostWithAKill(each)),
    )
    this.#count(step)
    return null
  }

  readonly #doing: Record<SoakStep, () => Promise<void>> = {
    deploy: async () => {
      const startedAt = Date.now()
      const { revision } = await this.#soak.service()
      await this.#soak.deploy(this.#next())
      await this.#soak.settled('the deploy is through', (now) => now.revision !== revision)
      this.#deploysMs.push(Date.now() - startedAt)
    },
    kill: async () => {
      const { instances } = await this.#soak.settled('all is well before a kill')
      const victim = instances[Math.floor(this.#random() * replicas)] as InstanceStatus
      this.#messages.expectDeath(victim.id)
      process.kill(victim.pid as number, 'SIGKILL')
      await this.#soak.settled('the killed one is replaced', (now) =>
        now.instances.every((one) => one.id !== victim.id),
      )
    },
    'plane kill': async () => {
      const kind = planeKinds[(this.#done.get('plane kill') ?? 0) % planeKinds.length] ?? 'a deploy'
      await this.#killPlaneIn(kind)
      this.#count(`plane kill in ${kind}`)
    },
    'bad deploy': async () => {
      const bad = bads[(this.#done.get('bad deploy') ?? 0) % bads.length] ?? 'crash'
      await this.#deployBad(bad)
    },
  }

  async #killPlaneIn(kind: (typeof planeKinds)[number]): Promise<void> {
    const soak = this.#soak
    const { revision } = await soak.service()
    const applied = soak.deploy(this.#next(kind === 'a deploy' ? {} : { rollout: byHand }))
    await soak.when(
      'the rollout has begun',
      (now) => now.rollout?.state === 'progressing' && now.rollout.to !== revision,
    )
    await applied
    let isTold = true
    if (kind !== 'a deploy') {
      await soak.when('the canary waits', (now) => now.rollout?.reason === 'it waits for pando promote')
      const told = kind === 'a promote' ? soak.control.promote('work') : soak.control.abort('work')
      // Half of the times it dies before it has answered: then whether it was told is known only afterwards.
      const answer = told.then(
        () => true,
        () => false,
      )
      if (this.#random() < 0.5) await answer
      await soak.killPlane()
      isTold = await answer
    } else {
      await new Promise((resolve) => setTimeout(resolve, 1500 * this.#random()))
      await soak.killPlane()
    }
    await soak.startPlane()
    if (!isTold) {
      const now = await soak.service()
      const waits = now.rollout?.reason === 'it waits for pando promote'
      if (waits) await (kind === 'a promote' ? soak.control.promote('work') : soak.control.abort('work'))
    }
    const isBack = kind === 'an abort'
    await soak.settled(`it ends well after a kill in ${kind}`, (now) => (now.revision === revision) === isBack)
  }

  async #deployBad(bad: (typeof bads)[number]): Promise<void> {
    const soak = this.#soak
    const { revision: good, rollout: last } = await soak.service()
    const applied = soak.deploy(this.#next({ bad, rollout: bad === '500' ? judged : progressDeadline }))
    await soak.when('the bad deploy has begun', ({ rollout }) => rollout?.to !== good || rollout.since !== last?.since)
    const startedAt = Date.now()
    await soak.settled('the bad deploy is rolled back', (now) => now.revision === good, 2 * rollbackWithinMs)
    const tookMs = Date.now() - startedAt
    if (tookMs > rollbackWithinMs) this.#violations.push(`${bad}: rolled back only after ${tookMs} ms`)
    this.#rollbacksMs.set(bad, [...(this.#rollbacksMs.get(bad) ?? []), tookMs])
    await applied
  }

  #next(more: Omit<Version, 'name'> = {}): Version {
    return { name: `v${++this.#version}`, ...more }
  }

  #count(what: string): void {
    this.#done.set(what, (this.#done.get(what) ?? 0) + 1)
  }

  #progress(done: number, of: number, startedAt: number): void {
    const { failedIdempotent, failedOther } = this.#load.failures
    const seconds = Math.round((Date.now() - startedAt) / 1000)
    const kinds = ['deploy', 'kill', 'plane kill', 'bad deploy']
      .map((kind) => `${this.#done.get(kind) ?? 0} × ${kind}`)
      .join(', ')
    const gets = failedIdempotent.filter((failure) => !isOfBadCanary(failure)).length
    const posts = failedOther.filter((failure) => !isOfBadCanary(failure)).length
    this.#say(
      `${seconds} s: ${done}/${of} (${kinds}); ${this.#load.count} answered, failed ${gets} GET, ${posts} POST; ` +
        `${this.#messages.count} messages, ${this.#messages.wrong.length} wrong`,
    )
  }

  async #end(before: Footprint, startedAt: number, isCutShort: boolean): Promise<SoakOutcome> {
    const { app, control } = this.#soak
    const load = await this.#load.stop()
    const messages = await this.#messages.stop()
    const status = await control.status()
    const wanted = 1 + 1 + 2 + replicas
    if (this.#options.driver === 'process' && status.services.every(isSettled)) {
      await until('nothing else runs', () => app.processes().length === wanted).catch(() =>
        this.#violations.push(`${app.processes().length} processes run, and ${wanted} should`),
      )
    }
    const after = footprintOf(app, status)
    const down = await app.run('down')
    if (down.code !== 0) this.#violations.push(`pando down ended with ${down.code}: ${down.stderr}`)
    if (app.processes().length > 0) this.#violations.push(`pando down left ${app.processes().length} processes`)
    return outcomeOf({
      options: this.#options,
      isCutShort,
      tookMs: Date.now() - startedAt,
      done: this.#done,
      rollbacksMs: this.#rollbacksMs,
      deploysMs: this.#deploysMs,
      load,
      messages,
      processed: this.#soak.taken('processed'),
      taken: this.#soak.taken('messages'),
      wrongPosts: this.#wrongPosts,
      violations: this.#violations,
      before,
      after,
    })
  }
}

/** The gateway's own answer when a connection ended under a request that nobody may send again. */
const isLostWithAKill = (failure: string): boolean => failure.includes(': 502 ') && failure.includes('upstream_closed')
