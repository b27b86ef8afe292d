import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BuildSpec } from '@pando/model'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { PrunedItem } from '../api/upkeep-control.js'
import { builtImagesOf } from '../build/built-images.js'
import { FakeEngine } from '../build/fake-engine.suite.js'
import { imageBuilderFor } from '../build/image-builder.js'
import { systemClock } from '../clock.js'
import type { Revision } from '../deployments/revision.js'
import { desiredService, revisionSpec } from '../reconciler/fixtures.suite.js'
import type { DesiredService } from '../reconciler/state.js'
import { revisionFolder } from '../revisions/revision-folder.js'
import { Snapshots } from '../revisions/snapshots.js'
import { Upkeep } from './upkeep.js'

let root: string
let stateDir: string
let engine: FakeEngine
let wanted: Map<string, DesiredService>
let history: Map<string, Revision[]>
let running: { service: string; revision: string }[]
let faults: unknown[]
let upkeep: Upkeep

beforeEach(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'pando-upkeep-')))
  stateDir = join(root, '.pando')
  engine = await FakeEngine.start()
  ;[wanted, history, running, faults] = [new Map(), new Map(), [], []]
  upkeep = new Upkeep({
    stateDir,
    clock: systemClock,
    facts: async () => ({ desired: wanted, history, lastHealthy: () => null, past: [], running }),
    images: async () => builtImagesOf({ stateDir, clock: systemClock, environment: { DOCKER_HOST: engine.host } }),
    inTurn: (work) => work(),
    onFault: (_, error) => faults.push(error),
  })
})

afterEach(async () => {
  await engine.stop()
  rmSync(root, { recursive: true, force: true })
})

const specOf = (service: string): BuildSpec => ({ kind: 'dockerfile', context: join(root, service), command: null })

/** A revision of an image, built and wanted, as a deploy leaves it. */
async function deploy(service: string, content: string): Promise<Revision> {
  const build = specOf(service)
  mkdirSync(build.context, { recursive: true })
  writeFileSync(join(build.context, 'Dockerfile'), `FROM base\nLABEL is=${content}\n`)
  const source = await new Snapshots({ stateDir, clock: systemClock }).take(service, build)
  const environment = { DOCKER_HOST: engine.host }
  const builder = imageBuilderFor({ stateDir, clock: systemClock, environment, appName: () => 'shop' })
  const order = { service, source, spec: build, image: null, workdir: '', command: null }
  await builder.build(order, () => {}, new AbortController().signal)
  return want(service, content, { build, source })
}

function want(service: string, name: string, built: { build: BuildSpec; source: string | null }): Revision {
  const container = { image: null } as unknown as NonNullable<Revision['spec']['container']>
  const spec = revisionSpec(service, {
    build: built.build,
    ...(built.build.kind === 'dockerfile' ? { container } : {}),
  })
  const revision: Revision = { service, revision: name, spec, source: built.source }
  history.set(service, [revision, ...(history.get(service) ?? [])])
  wanted.set(service, desiredService(service, { revision: name, spec, source: built.source }))
  return revision
}

const contents = (): string[] => engine.images.flatMap(({ id }) => contentOf.get(id) ?? [id])
const contentOf = new Map<string, string>()
async function deployAll(service: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await deploy(service, name)
    contentOf.set(engine.images.at(-1)!.id, `${service} ${name}`)
  }
}
const folders = (service: string): number =>
  readdirSync(join(stateDir, 'revisions', service)).filter((name) => name !== 'index.json').length
const listed = (items: readonly PrunedItem[]): string[] => items.map(({ kind, service }) => `${kind} ${service}`)
const venv = (name: string): string => join(stateDir, 'builds/web', name)
const twelve = Array.from({ length: 12 }, (_, index) => `v${index}`)
const prune = (isAll = false, isDry = false) => upkeep.prune({ isAll, isDry })

it('keeps images and snapshots to the ten newest revisions of a service, and says what has gone', async () => {
  await deployAll('web', twelve)
  expect(listed((await prune(false, true)).items)).toEqual(['revision web', 'revision web', 'image web', 'image web'])
  expect(engine.images).toHaveLength(12)
  const { items, notes } = await prune()
  expect(notes).toEqual([])
  expect(items.every(({ bytes }) => bytes > 0)).toBe(true)
  expect(contents()).toEqual(twelve.slice(2).map((name) => `web ${name}`))
  expect(folders('web')).toBe(10)
  expect((await prune()).items).toEqual([])
  expect(existsSync(join(stateDir, 'removed'))).toBe(false)
})

it('removes them by itself, and tries again when the engine is back', async () => {
  await deployAll('web', twelve)
  upkeep.soon()
  upkeep.soon()
  await expect.poll(contents).toHaveLength(10)
  await deployAll('web', ['v12'])
  upkeep.soon()
  await expect.poll(contents).not.toContain('web v2')
  await engine.stop()
  upkeep.soon()
  const note = expect.stringContaining('images were not looked at')
  expect(await prune()).toMatchObject({ items: [], notes: [note] })
  expect(faults).toEqual([])
})

it('leaves an image that runs, that a kept revision shares, or that is another’s', async () => {
  await deployAll('web', ['same', ...twelve])
  const shared = history.get('web')!.at(-1)!
  // Only a variable of its own makes it another revision.
  history.get('web')!.unshift({ ...shared, revision: 'same again' })
  engine.used.add(engine.images[1]!.id)
  engine.images.push({ id: 'other', tags: new Set(['pando-000000000000/web:0']), bytes: 1, labels: {} })
  await prune()
  expect(contents()).toEqual(['web same', 'web v0', ...twelve.slice(3).map((name) => `web ${name}`), 'other'])
})

it('only takes its own name away from an image that somebody has given another', async () => {
  await deployAll('web', twelve)
  engine.images[0]!.tags.add('registry:5000/web:1')
  const { items } = await prune()
  expect([...engine.images[0]!.tags]).toEqual(['registry:5000/web:1'])
  expect(items.filter(({ kind }) => kind === 'image').map(({ bytes }) => bytes > 0)).toEqual([false, true])
})

it('keeps what was built ahead, until another is', async () => {
  await deployAll('web', ['v0'])
  const [before, past] = [wanted.get('web')!, [...history.get('web')!]]
  const ahead = async (name: string): Promise<void> => {
    await deployAll('web', [name])
    wanted.set('web', before)
    history.set('web', [...past])
  }
  await ahead('v1')
  expect((await prune()).items).toEqual([])
  await ahead('v2')
  await prune()
  expect(contents()).toEqual(['web v0', 'web v2'])
  await prune(true)
  expect(contents()).toEqual(['web v0'])
})

it('removes all of a service that has left the app, and all of everything when it is down and that is asked', async () => {
  await deployAll('web', ['v0', 'v1'])
  await deployAll('old', ['v0'])
  wanted.delete('old')
  await prune()
  expect(contents()).toEqual(['web v0', 'web v1'])
  expect(existsSync(join(stateDir, 'revisions/old'))).toBe(false)
  wanted.clear()
  expect((await prune()).items).toEqual([])
  await prune(true)
  expect(contents()).toEqual([])
  expect([readdirSync(join(stateDir, 'revisions')), readdirSync(join(stateDir, 'images'))]).toEqual([[], []])
})

it('removes the tools that no kept revision runs with, but for those of a build under way', async () => {
  const build: BuildSpec = { kind: 'python', context: root, command: null }
  const made = (revision: Revision, name: string): void => {
    const folder = revisionFolder(stateDir, { service: 'web', source: revision.source ?? '', build })
    mkdirSync(folder.path, { recursive: true })
    mkdirSync(venv(name), { recursive: true })
    writeFileSync(join(venv(name), 'file'), 'x'.repeat(10_000))
    writeFileSync(folder.complete, JSON.stringify({ program: { path: [join(venv(name), 'bin')] } }))
  }
  for (const name of twelve) made(want('web', name, { build, source: name }), `venv-${name}`)
  mkdirSync(venv('modules-1'))
  const next = want('web', 'next', { build, source: 'next' })
  expect(listed((await prune()).items)).toEqual(['revision web', 'revision web', 'revision web'])
  expect(readdirSync(venv('.'))).toHaveLength(13)
  made(next, 'venv-v11')
  const { items } = await prune()
  expect(items.map(({ kind, name }) => `${kind} ${name}`)).toEqual(['build venv-v0', 'build venv-v1', 'build venv-v2'])
  expect(items[0]!.bytes).toBeGreaterThan(10_000)
  running.push({ service: 'web', revision: 'v5' })
  await prune(true)
  expect(readdirSync(venv('.'))).toEqual(['modules-1', 'venv-v11', 'venv-v5'])
})

it('leaves a copy that may be under way, and clears away what a dead control plane left', async () => {
  await deployAll('web', ['v0'])
  const half = join(stateDir, 'revisions/web/.new-dead')
  mkdirSync(half)
  expect((await prune()).items).toEqual([])
  const before = new Date(Date.now() - 7_200_000)
  utimesSync(half, before, before)
  expect((await prune()).items).toMatchObject([{ name: '.new-dead' }])
})
