import type { InstanceStatus, ServiceStatus } from '@pando/model'
import { isSettled, rollbackWithinMs, services, type SoakApp, type SoakService, type Version } from './soak-app.js'
import type { SoakStep } from './soak-options.js'

/** What a step may use: the app, chance, and a word to those who judge. */
export interface Scene {
  readonly soak: SoakApp
  readonly random: () => number
  /** The name of the version that serves. */
  version(): string
  /** A version of the next name. Every second one has changed sources, so that something else is built for it. */
  next(more?: Omit<Version, 'name' | 'source'>): Version
  /** This one is killed: its WebSockets and streams break, and the POSTs that it had begun are lost. */
  expectDeath(instance: string): void
  violated(what: string): void
}

/** `serves`: the version that must serve now. `deaths`: of each service the instances that ended with requests under way, at most. */
export interface Taken {
  readonly kind: string
  readonly tookMs: number
  readonly serves: string
  readonly deaths: number
}

const quick = 'min_healthy_time: 300ms'
/** How long an answer takes is here the machine's doing, not a version's. */
const calm = 'max_p99_ratio: 100'
/** Of a canary that only moves when it is told. */
const byHand = `{ strategy: canary, ${quick}, ${calm}, steps: [{ weight: 20 }] }`
const waitsForPromote = 'it waits for pando promote'

/** How good versions are rolled out, in turn. */
const rollouts = {
  rolling: `{ ${quick} }`,
  'stop-first': `{ ${quick}, order: stop-first }`,
  'blue-green': `{ strategy: blue-green, ${quick}, ${calm} }`,
  'a canary in two steps': `{ strategy: canary, ${quick}, min_requests: 5, ${calm}, steps: [{ weight: 30, pause: 1s }, { weight: 60, pause: 1s }] }`,
  'a canary, promoted': byHand,
}

interface Bad {
  readonly bad: NonNullable<Version['bad']>
  readonly rollout: string
}

/** What may be bad, by its name in the result; all of it must go back by itself. */
const bads: Readonly<Record<string, Bad>> = {
  'ends at its start': { bad: 'crash', rollout: `{ ${quick} }` },
  'is never healthy': { bad: 'unhealthy', rollout: `{ ${quick}, progress_deadline: 10s }` },
  'answers 500 as a canary': {
    bad: '500',
    rollout: `{ strategy: canary, ${quick}, steps: [{ weight: 10, pause: 60s }] }`,
  },
  'ends 200 ms after it was first healthy': { bad: 'crash-later', rollout: '{ min_healthy_time: 1s }' },
  'ends at its start, stop-first': { bad: 'crash', rollout: `{ ${quick}, order: stop-first }` },
  'is never healthy, blue-green': {
    bad: 'unhealthy',
    rollout: `{ strategy: blue-green, ${quick}, progress_deadline: 10s }`,
  },
}

type Step = (scene: Scene, turn: number) => Promise<Omit<Taken, 'tookMs' | 'deaths'> & { readonly deaths?: number }>

export const steps: Readonly<Record<SoakStep, Step>> = {
  deploy: async (scene, turn) => {
    const [kind, rollout] = nth(Object.entries(rollouts), turn)
    const { soak } = scene
    const version = scene.next({ rollout })
    const before = revisionsOf(await soak.both())
    await soak.deploy(version)
    if (kind === 'a canary, promoted') {
      await soak.when('the canary waits', waits)
      await soak.each((service) => soak.control.promote(service))
    }
    await soak.settled('the deploy is through', before.isAnother)
    return { kind, serves: version.name }
  },

  kill: async (scene, turn) => {
    const { soak, random } = scene
    const before = await soak.settled('all is well before a kill')
    if (soak.hasPeer && turn % 2 === 0) {
      const victim = nth((await soak.service('peer')).instances, Math.floor(random() * 2))
      killProcess(victim.pid as number)
      await soak.replaced(victim.id)
      return { kind: 'of the peer', serves: scene.version() }
    }
    await Promise.all(before.map(({ name, instances }) => kill(scene, name as SoakService, instances)))
    return { kind: 'while nothing else happens', serves: scene.version(), deaths: 1 }
  },

  'kill in mid-rollout': async (scene, turn) => {
    const { soak } = scene
    const kind = nth(['of the new revision', 'of the old revision'], turn)
    const [, rollout] = nth(Object.entries(rollouts).slice(0, 3), turn)
    const version = scene.next({ rollout })
    const before = await begin(scene, version)
    const isNew = kind === 'of the new revision'
    const isOver = (now: ServiceStatus): boolean => before.isAnother(now) && now.rollout?.state === 'succeeded'
    await soak.each(async (service) => {
      const isVictim = (one: InstanceStatus): boolean =>
        one.phase === 'healthy' && (one.revision !== before.of(service)) === isNew
      const { instances } = await soak.whenOne(
        service,
        `one ${kind} is healthy`,
        (now) => now.instances.some(isVictim) || isOver(now),
      )
      await kill(scene, service, instances.filter(isVictim))
    })
    await soak.settled('the rollout goes on after the kill', before.isAnother)
    return { kind, serves: version.name, deaths: 1 }
  },

  'plane kill': async (scene, turn) => {
    const [kind, killIn] = nth(Object.entries(planeKills), turn)
    return { kind, ...(await killIn(scene)) }
  },

  'bad deploy': async (scene, turn) => {
    const [kind, bad] = nth(Object.entries(bads), turn)
    const { soak } = scene
    const deathsBefore = soak.taken('deaths').length
    const startedAt = Date.now()
    const before = await begin(scene, scene.next(bad))
    await soak.settled('the bad deploy is rolled back', before.isSame, 2 * rollbackWithinMs)
    const tookMs = Date.now() - startedAt
    if (tookMs > rollbackWithinMs) scene.violated(`${kind}: rolled back only after ${tookMs} ms`)
    const deaths = soak.taken('deaths').slice(deathsBefore)
    const ofEach = services.map((service) => deaths.filter((instance) => instance.startsWith(service)).length)
    return { kind, serves: scene.version(), deaths: Math.max(...ofEach) }
  },

  rollback: async (scene, turn) => {
    const { soak } = scene
    const kind = nth(['when the new one stands', 'in mid-rollout'], turn)
    const before = await begin(scene, scene.next())
    if (kind === 'when the new one stands') await soak.settled('the new one stands', before.isAnother)
    await commandEach(scene, 'rollback')
    await soak.settled('it is back', before.isSame)
    return { kind, serves: scene.version() }
  },

  abort: async (scene) => {
    const { soak } = scene
    const before = await begin(scene, scene.next({ rollout: byHand }))
    await soak.when('the canary waits', waits)
    await commandEach(scene, 'abort')
    await soak.settled('it is back', before.isSame)
    return { kind: 'a canary', serves: scene.version() }
  },
}

type Killed = Promise<{ readonly serves: string; readonly deaths?: number }>

/** The control plane dies under each of these, and the next one has to end them well and keep what it had promised. */
const planeKills: Readonly<Record<string, (scene: Scene) => Killed>> = {
  'in a deploy': async (scene) => {
    const version = scene.next({ rollout: nth(Object.values(rollouts).slice(0, 3), Math.floor(scene.random() * 3)) })
    const before = await begin(scene, version)
    await within(scene, 1500)
    await scene.soak.killPlane()
    await scene.soak.startPlane()
    await scene.soak.settled('the deploy is through after the kill', before.isAnother)
    return { serves: version.name }
  },

  'in a promote': async (scene) => {
    const version = scene.next({ rollout: byHand })
    const before = await begin(scene, version)
    await scene.soak.when('the canary waits', waits)
    await tellAndKill(scene, (service) => scene.soak.control.promote(service))
    await scene.soak.settled('it is promoted after the kill', before.isAnother)
    return { serves: version.name }
  },

  'in an abort': async (scene) => {
    const before = await begin(scene, scene.next({ rollout: byHand }))
    await scene.soak.when('the canary waits', waits)
    await tellAndKill(scene, (service) => scene.soak.control.abort(service))
    await scene.soak.settled('it is back after the kill', before.isSame)
    return { serves: scene.version() }
  },

  'in a bad deploy': async (scene) => {
    const before = await begin(scene, scene.next({ bad: 'crash' }))
    await within(scene, 3000)
    await scene.soak.killPlane()
    await scene.soak.startPlane()
    await scene.soak.settled('it is rolled back after the kill', before.isSame)
    return { serves: scene.version() }
  },

  'in a deploy, with an instance killed meanwhile': async (scene) => {
    const { soak } = scene
    const version = scene.next()
    const before = await begin(scene, version)
    await within(scene, 500)
    await soak.killPlane()
    for (const { instances } of before.services) {
      // The oldest is still there, as none has gone that soon; and if it has, it has gone by itself.
      const victim = instances[0] as InstanceStatus
      scene.expectDeath(victim.id)
      killProcess(victim.pid as number)
    }
    await soak.startPlane()
    await soak.settled('the deploy is through after both kills', before.isAnother)
    return { serves: version.name, deaths: 1 }
  },
}

/** The services as they were, and whether one has the revision that it had then. */
interface Before {
  readonly services: readonly ServiceStatus[]
  of(service: string): string
  isSame(now: ServiceStatus): boolean
  isAnother(now: ServiceStatus): boolean
}

function revisionsOf(before: readonly ServiceStatus[]): Before {
  const of = (service: string): string => before.find(({ name }) => name === service)?.revision ?? ''
  const isSame = ({ name, revision }: ServiceStatus): boolean => revision === of(name)
  return { services: before, of, isSame, isAnother: (now) => !isSame(now) }
}

/** Applies it and resolves, when its rollouts have begun, with the services as they were before. */
async function begin({ soak }: Scene, version: Version): Promise<Before> {
  const before = revisionsOf(await soak.both())
  const begun = new Map(before.services.map(({ name, rollout }) => [name, rollout?.since]))
  await soak.deploy(version)
  await soak.when(
    'the rollout has begun',
    ({ name, rollout }) => rollout?.to !== before.of(name) || rollout.since !== begun.get(name),
  )
  return before
}

/** The control plane dies when it has answered, or before: then whether it was told is known only from what it does next. */
async function tellAndKill({ soak, random }: Scene, tell: (service: SoakService) => Promise<void>): Promise<void> {
  const answers = soak.each((service) =>
    tell(service).then(
      () => true,
      () => false,
    ),
  )
  if (random() < 0.5) await answers
  await soak.killPlane()
  const isTold = await answers
  await soak.startPlane()
  await soak.each(async (service) => {
    if (!isTold[services.indexOf(service)] && waits(await soak.service(service))) await tell(service)
  })
}

async function kill(scene: Scene, service: SoakService, victims: readonly InstanceStatus[]): Promise<void> {
  const victim = victims[Math.floor(scene.random() * victims.length)]
  // A rollout may be over before one could be chosen.
  if (victim === undefined) return
  scene.expectDeath(victim.id)
  killProcess(victim.pid as number)
  await scene.soak.whenOne(service, 'the killed one is replaced', (now) => {
    return isSettled(now) && now.instances.every((one) => one.id !== victim.id)
  })
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended in this moment.
  }
}

function commandEach({ soak, violated }: Scene, command: string): Promise<unknown> {
  return soak.each(async (service) => {
    const { code, stdout, stderr } = await soak.app.run(command, service)
    if (code !== 0) violated(`pando ${command} ${service} ended with ${code}: ${stdout}${stderr}`)
  })
}

const waits = ({ rollout }: ServiceStatus): boolean => rollout?.reason === waitsForPromote

/** A moment by chance, up to so many milliseconds. */
const within = ({ random }: Scene, ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms * random()))

const nth = <T>(list: readonly T[], turn: number): T => list[turn % list.length] as T
