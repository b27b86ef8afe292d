import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AppSpec } from '@pando/model'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Deployer } from './deployer.js'
import { Ledger } from './reconciler/ledger.js'
import { desiredOf, desiredService } from './reconciler/fixtures.suite.js'
import { ManualClock } from './registry/manual-clock.suite.js'
import { MemoryStore } from './store/memory-store.js'

/** Its outermost transaction fails when all has been written and is about to become durable. */
class FullDisk extends MemoryStore {
  isFull = false
  #depth = 0

  override transaction<T>(work: () => T): T {
    return super.transaction(() => {
      this.#depth++
      try {
        const result = work()
        if (this.isFull && this.#depth === 1) throw new Error('the disk is full')
        return result
      } finally {
        this.#depth--
      }
    })
  }
}

let stateDir: string
let store: FullDisk
let app: AppSpec | null

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'pando-deployer-'))
  store = new FullDisk()
  app = null
})

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

const revision = (name: string) => desiredOf(desiredService('web', { revision: name, source: null }))

async function deployed(): Promise<ReturnType<typeof open>> {
  const opened = open()
  for (const name of ['aa', 'bb']) {
    await opened.deployer.want({ name: 'shop', services: {} } as AppSpec, revision(name), 'up')
    const result = { service: 'web', revision: name, result: 'succeeded', reason: '' } as const
    opened.deployer.deployments.onRolloutResult(result)
  }
  return opened
}

/** What is wanted, and the history. */
const stateOf = ({ ledger, deployer }: ReturnType<typeof open>): string[] => [
  ...[...ledger.desired.values()].map((service) => service.revision),
  ...deployer.deployments.history('web').map((one) => `${one.revision} ${one.result}`),
]

it.each<[string, (deployer: Deployer) => unknown]>([
  ['a rollback', (deployer) => deployer.deployments.rollback('web', null, 'by hand')],
  ['a rollback of the whole app', (deployer) => deployer.goBack()],
  ['a deploy', (deployer) => deployer.want({ name: 'shop', services: {} } as AppSpec, revision('cc'), 'deploy')],
])('%s that cannot be made durable changes nothing, in memory as in the store', async (_, change) => {
  const opened = await deployed()
  const before = stateOf(opened)
  store.isFull = true
  await expect((async () => change(opened.deployer))()).rejects.toThrow('the disk is full')
  expect(stateOf(opened)).toEqual(before)
  expect(stateOf(open())).toEqual(before)
  store.isFull = false
  await change(opened.deployer)
  expect(stateOf(opened)).not.toEqual(before)
  expect(stateOf(open())).toEqual(stateOf(opened))
})

it('the whole app goes back to how it was, and no further than to the first', async () => {
  const opened = await deployed()
  opened.deployer.goBack()
  expect(stateOf(opened)[0]).toBe('aa')
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
    await deployer.want(wish.app, wish.desired, 'up', wish.driver)
    return wish.app.services['web']?.revision.container !== undefined
  }
  expect(await isContainer({ PANDO_DRIVER: 'container' })).toBe(true)
  expect(await isContainer({})).toBe(true)
  const part = await deployer.partOf({ manifest, variables: {}, services: ['web'] })
  expect(part.app.services['web']?.revision.container).toBeDefined()
  expect(await isContainer({ PANDO_DRIVER: 'process' })).toBe(false)
  expect(await isContainer({})).toBe(false)
})
