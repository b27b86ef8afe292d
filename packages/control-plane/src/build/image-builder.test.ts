import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BuildSpec } from '@pando/model'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemClock } from '../clock.js'
import { Snapshots } from '../revisions/snapshots.js'
import { FakeEngine } from './fake-engine.suite.js'
import { imageBuilderFor } from './image-builder.js'

let root: string
let stateDir: string
let folder: string
let snapshots: Snapshots
let engine: FakeEngine

beforeEach(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'pando-image-')))
  stateDir = join(root, '.pando')
  folder = join(root, 'web')
  mkdirSync(folder)
  snapshots = new Snapshots({ stateDir, clock: systemClock })
  engine = await FakeEngine.start()
})

afterEach(async () => {
  await engine.stop()
  rmSync(root, { recursive: true, force: true })
})

const spec = (): BuildSpec => ({ kind: 'dockerfile', context: folder, command: null })
const write = (text: string) => writeFileSync(join(folder, 'Dockerfile'), `FROM node\nLABEL is=${text}\n`)

/** A builder of its own each time, as after a restart. */
async function build(source: string | null): Promise<string | undefined> {
  const environment = { DOCKER_HOST: engine.host }
  const builder = imageBuilderFor({ stateDir, clock: systemClock, environment, appName: () => 'shop' })
  const order = { service: 'web', source, spec: spec(), image: null, workdir: folder, command: null }
  return (await builder.build(order, () => {}, new AbortController().signal)).image
}

const built = () => engine.builds.map((text) => /LABEL is=(\w+)/.exec(text)?.[1])

it('builds what the snapshot holds, whatever the folder has become', async () => {
  write('one')
  const one = await snapshots.take('web', spec())
  write('two')
  const two = await snapshots.take('web', spec())
  await build(two)
  write('three')
  await build(one)
  expect(built()).toEqual(['two', 'one'])
})

it('takes the image that the engine has of a snapshot, without building', async () => {
  write('one')
  const one = await snapshots.take('web', spec())
  const image = await build(one)
  write('two')
  expect(await build(one)).toBe(image)
  expect(built()).toEqual(['one'])
})

it('goes back to a snapshot whose image the engine has lost', async () => {
  write('one')
  const one = await snapshots.take('web', spec())
  const image = await build(one)
  engine.images.length = 0
  rmSync(folder, { recursive: true })
  expect(await build(one)).toBe(image)
  expect(built()).toEqual(['one', 'one'])
})

it('builds in the folder as it is when no snapshot is asked for', async () => {
  write('one')
  await snapshots.take('web', spec())
  write('live')
  await build(null)
  expect(built()).toEqual(['live'])
})

it('says that the snapshot is gone, and builds nothing else in its place', async () => {
  write('one')
  const one = await snapshots.take('web', spec())
  rmSync(join(stateDir, 'revisions/web'), { recursive: true })
  await expect(build(one)).rejects.toMatchObject({ code: 'build_failed', message: expect.stringContaining('gone') })
  expect(built()).toEqual([])
})

it('says of an image whose it is, and nothing of this machine', async () => {
  write('one')
  await build(await snapshots.take('web', spec()))
  const [image] = engine.images
  const [tag = ''] = image!.tags
  expect(tag).toMatch(/^pando-[0-9a-f]{12}\/web:[0-9a-f]{16}$/)
  expect(image!.labels).toEqual({
    'pando.app-name': 'shop',
    'pando.service': 'web',
    'pando.inputs': tag.split(':')[1],
  })
})
