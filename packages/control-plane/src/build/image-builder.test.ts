import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BuildSpec } from '@pando/model'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemClock } from '../clock.js'
import { Snapshots } from '../revisions/snapshots.js'
import { imageBuilderFor } from './image-builder.js'

let root: string
let stateDir: string
let folder: string
let snapshots: Snapshots
let engine: Server
/** What was sent to be built, by tag, in order. */
let builds: Map<string, string>

beforeEach(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'pando-image-')))
  stateDir = join(root, '.pando')
  folder = join(root, 'web')
  mkdirSync(folder)
  snapshots = new Snapshots({ stateDir, clock: systemClock })
  builds = new Map()
  engine = createServer(async (request, response) => {
    const url = new URL(request.url ?? '', 'http://engine')
    let body = ''
    for await (const chunk of request) body += String(chunk)
    response.setHeader('api-version', '1.47')
    const tag = decodeURIComponent(/\/images\/(.+)\/json$/.exec(url.pathname)?.[1] ?? '')
    if (url.pathname.endsWith('/build')) {
      builds.set(url.searchParams.get('t') ?? '', body)
      response.end('{"stream":"built"}\n')
    } else if (tag !== '' && !builds.has(tag)) response.writeHead(404).end('{"message":"no such image"}')
    else response.end(JSON.stringify({ Id: `id of ${tag}` }))
  })
  await new Promise<void>((resolve) => engine.listen(0, '127.0.0.1', resolve))
})

afterEach(async () => {
  engine.closeAllConnections()
  await new Promise((resolve) => engine.close(resolve))
  rmSync(root, { recursive: true, force: true })
})

const spec = (): BuildSpec => ({ kind: 'dockerfile', context: folder, command: null })
const write = (text: string) => writeFileSync(join(folder, 'Dockerfile'), `FROM node\nLABEL is=${text}\n`)

/** A builder of its own each time, as after a restart. */
async function build(source: string | null): Promise<string | undefined> {
  const environment = { DOCKER_HOST: `tcp://127.0.0.1:${(engine.address() as AddressInfo).port}` }
  const builder = imageBuilderFor({ stateDir, clock: systemClock, environment })
  const order = { service: 'web', source, spec: spec(), image: null, workdir: folder, command: null }
  return (await builder.build(order, () => {}, new AbortController().signal)).image
}

const built = () => [...builds.values()].map((text) => /LABEL is=(\w+)/.exec(text)?.[1])

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
  builds.clear()
  rmSync(folder, { recursive: true })
  expect(await build(one)).toBe(image)
  expect(built()).toEqual(['one'])
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
  await snapshots.prune('web', [])
  await expect(build(one)).rejects.toMatchObject({ code: 'build_failed', message: expect.stringContaining('gone') })
  expect(built()).toEqual([])
})
