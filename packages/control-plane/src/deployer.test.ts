import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AppSpec } from '@pando/model'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Deployer, type Wish } from './deployer.js'
import { Ledger } from './reconciler/ledger.js'
import { autoscale, desiredOf, desiredService, rolloutOf } from './reconciler/fixtures.suite.js'
import { ManualClock } from './registry/manual-clock.suite.js'
import { FullDisk } from './store/full-disk.suite.js'

let stateDir: string
let store: FullDisk
let app: AppSpec | null

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'pando-deployer-'))
  store = new FullDisk()
  app = null
})

/** Another life on the same store. */
function opensAgain() {
  app = (store.get('meta', 'app') as AppSpec | undefined) ?? null
  return open()
}

afterEach(() => rmSync(stateDir, { recursive: true }))

function open() {
  const ledger = new Ledger(store)
  const deployer = new Deployer({
    stateDir,
    store,
    clock: new ManualClock(),
    emit: () => {},
    reconciler: {
      desired: () => ledger.desired,
      observed: () => ledger.observed(() => false),
      setDesired: (desired, alongside) => ledger.setDesired(desired, alongside),
    },
    app: () => app,
    setApp: (now) => (app = now),
  })
  return { ledger, deployer }
}

const wish = (name: string): Wish => ({
  app: { name: `shop with ${name}`, services: {} } as AppSpec,
  desired: desiredOf(desiredService('web', { revision: name, source: null })),
  joined: {},
})

const wishFor = (...names: string[]): Wish => ({
  app: { name: 'shop', services: {} } as AppSpec,
  desired: desiredOf(...names.map((name) => desiredService(name, { source: null }))),
  joined: {},
})
const services = (): string[] => Object.keys(app?.services ?? {}).sort()

async function deployed(): Promise<ReturnType<typeof open>> {
  const opened = open()
  for (const name of ['aa', 'bb']) {
    await opened.deployer.want(wish(name), 'up')
    const result = { service: 'web', revision: name, result: 'succeeded', reason: '' } as const
    opened.deployer.deployments.onRolloutResult(result)
  }
  return opened
}

/** The app, what is wanted, and the history. */
const stateOf = ({ ledger, deployer }: ReturnType<typeof open>): string[] => [
  app?.name ?? '',
  ...[...ledger.desired.values()].map((service) => service.revision),
  ...deployer.deployments.history('web').map((one) => `${one.revision} ${one.result}`),
]

it.each<[string, (deployer: Deployer) => unknown]>([
  ['a rollback', (deployer) => deployer.deployments.rollback('web', null, 'by hand')],
  ['a rollback of the whole app', (deployer) => deployer.goBack()],
  ['a deploy', (deployer) => deployer.want(wish('cc'), 'deploy')],
])('%s that cannot be made durable changes nothing, in memory as in the store', async (_, change) => {
  const opened = await deployed()
  const before = stateOf(opened)
  store.isFull = true
  await expect((async () => change(opened.deployer))()).rejects.toThrow('the disk is full')
  expect(stateOf(opened)).toEqual(before)
  expect(stateOf(opensAgain())).toEqual(before)
  store.isFull = false
  await change(opened.deployer)
  expect(stateOf(opened)).not.toEqual(before)
  const now = stateOf(opened)
  expect(stateOf(opensAgain())).toEqual(now)
})

it('the whole app goes back to how it was, and no further than to the first', async () => {
  const opened = await deployed()
  opened.deployer.goBack()
  expect(stateOf(opened)[1]).toBe('aa')
  expect(() => opened.deployer.goBack()).toThrow('there is no earlier state')
})

it('reads a manifest with the driver that the app was started with, until another is said', async () => {
  const { deployer } = open()
  mkdirSync(join(stateDir, 'web'))
  writeFileSync(join(stateDir, 'web/package.json'), '{}')
  writeFileSync(join(stateDir, 'web/main.js'), '')
  const manifest = join(stateDir, 'pando.yaml')
  writeFileSync(manifest, 'name: shop\nservices:\n  web:\n    build: ./web\n    command: node main.js\n')
  const isContainer = async (variables: Record<string, string>): Promise<boolean> => {
    const wish = await deployer.wishOf({ manifest, variables })
    await deployer.want(wish, 'up', wish.driver)
    return wish.app.services['web']?.revision.container !== undefined
  }
  expect(await isContainer({ PANDO_DRIVER: 'container' })).toBe(true)
  expect(await isContainer({})).toBe(true)
  const part = await deployer.partOf({ manifest, variables: {}, services: ['web'] })
  expect(part.app.services['web']?.revision.container).toBeDefined()
  expect(await isContainer({ PANDO_DRIVER: 'process' })).toBe(false)
  expect(await isContainer({})).toBe(false)
})

it('an automatic rollback that cannot be made durable changes nothing, in memory as in the store, and is done later', async () => {
  const opened = await deployed()
  const { ledger, deployer } = opened
  await deployer.want(wish('cc'), 'deploy')
  const good = ledger.desired.get('web')!
  const rollout = { ...rolloutOf(ledger.desired.get('web')!), good: { ...good, revision: 'bb' } }
  const next = { ...rollout, revision: 'bb', isRollback: true }
  const failure = { service: 'web', revision: 'cc', result: 'failed', reason: 'it crashed' } as const
  const goBack = (): void =>
    ledger.setRollout(
      'web',
      next,
      { ...good, revision: 'bb' },
      () => void deployer.deployments.onRolloutResult(failure),
    )
  ledger.setRollout('web', rollout, null, () => {})
  const before = stateOf(opened)
  store.isFull = true
  expect(goBack).toThrow('the disk is full')
  expect(stateOf(opened)).toEqual(before)
  expect(ledger.rollouts.get('web')).toEqual(rollout)
  expect(stateOf(opensAgain())).toEqual(before)
  store.isFull = false
  goBack()
  expect(stateOf(opened).slice(1, 4)).toEqual(['bb', 'bb running', 'cc rolled_back'])
  expect(ledger.rollouts.get('web')).toEqual(next)
})

it('forgets a service that is gone when no state which can be gone back to has it any more', async () => {
  const { deployer } = open()
  await deployer.want(wishFor('api', 'web'), 'up')
  await deployer.want(wishFor('web'), 'up')
  expect(deployer.deployments.services()).toEqual(['api', 'web'])
  for (let i = 0; i < 5; i++) await deployer.want(wish(`r${i}`), 'up')
  expect(deployer.deployments.services()).toEqual(['web'])
  expect([...store.all('revision').keys()].filter((key) => key.startsWith('api/'))).toEqual([])
})

it('a guest that the manifest of the app names itself is a guest no more, until that is gone back from', async () => {
  const { deployer } = open()
  for (const name of ['web', 'api']) {
    mkdirSync(join(stateDir, name))
    writeFileSync(join(stateDir, name, 'main.js'), '')
  }
  const manifest = join(stateDir, 'pando.yaml')
  const text = 'name: shop\nservices:\n  web:\n    build: ./web\n    command: node main.js\n'
  const guest = join(stateDir, 'api/pando.yaml')
  writeFileSync(manifest, text)
  writeFileSync(guest, 'name: api\nservices:\n  api:\n    build: .\n    command: node main.js\n')
  const up = async () => deployer.want(await deployer.wishOf({ manifest, variables: {} }), 'up')
  const isGuest = () =>
    deployer.remove('api').then(
      () => true,
      () => false,
    )
  await up()
  await deployer.want(await deployer.partOf({ manifest: guest, variables: {}, services: [] }), 'deploy')
  await up()
  expect(services()).toEqual(['api', 'web'])
  writeFileSync(manifest, `${text}  api:\n    build: ./api\n    command: node main.js --own\n`)
  await up()
  expect(await isGuest()).toBe(false)
  deployer.goBack()
  writeFileSync(manifest, text)
  await up()
  expect(services()).toEqual(['api', 'web'])
  expect(await isGuest()).toBe(true)
  expect(services()).toEqual(['web'])
})

const sleeping = (replicas: number): Wish => ({
  ...wish('aa'),
  desired: desiredOf(desiredService('web', { revision: 'aa', source: null, replicas, autoscale })),
})

it('a service that a request wakes while a wish for it is read stays awake', async () => {
  const { ledger, deployer } = open()
  await deployer.want(sleeping(0), 'up')
  expect(ledger.desired.get('web')?.replicas).toBe(0)
  ledger.setDesired(sleeping(1).desired)
  await deployer.want(sleeping(0), 'up')
  expect(ledger.desired.get('web')?.replicas).toBe(1)
})
