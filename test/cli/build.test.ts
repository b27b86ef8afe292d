import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { FakeEngine } from '../../packages/control-plane/src/build/fake-engine.suite.js'
import { CommandLine, type Ran } from './command-line.js'

vi.setConfig({ testTimeout: 60_000 })

const manifest = `name: demo
services:
  web:
    build: ./web
    command: node server.js
  ready: { image: "redis:7" }
  tool:
    command: sleep 5
    protocol: none
  own:
    build: { context: ./own, kind: dockerfile }
`

let line: CommandLine
let engine: FakeEngine

beforeEach(async () => {
  line = await CommandLine.open()
  engine = await FakeEngine.start()
  write('pando.yaml', manifest)
  write('web/package.json', '{}')
  write('web/server.js', '')
  write('own/Dockerfile', 'FROM base\n')
})

afterEach(async () => {
  await engine.stop()
  await line.close()
})

function write(name: string, text: string): void {
  mkdirSync(join(line.folder, name, '..'), { recursive: true })
  writeFileSync(join(line.folder, name), text)
}

const pando = (...args: string[]): Promise<Ran> => line.run(args, { DOCKER_HOST: engine.host })

it('shows what it has built, and what was there', async () => {
  const first = await pando('build')
  expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining('web Step 1/1 : FROM base') })
  expect(first.stdout).toMatch(/^SERVICE +IMAGE +DIGEST +SIZE\s/)
  expect(first.stdout).toMatch(/\nweb +pando-[0-9a-f]{12}\/web:[0-9a-f]{16} +sha256:[0-9a-f]{12} +\d\.\d kB +built\n/)
  expect(first.stdout).toMatch(/\nown .* built\n/)
  // One runs in an image of others, and one has nothing to make an image of.
  expect(first.stdout).not.toMatch(/ready|tool/)
  const second = await pando('build', 'web')
  expect(second.stdout).toMatch(/\nweb .* there already\n$/)
  expect(engine.builds).toHaveLength(2)
})

it('--json says the same', async () => {
  const { code, stdout, stderr } = await pando('build', 'web', '--json')
  const [image] = JSON.parse(stdout) as { tag: string; id: string }[]
  expect([code, stderr]).toEqual([0, expect.stringContaining('Step 1/1')])
  expect(image).toMatchObject({ service: 'web', isCached: false, id: engine.find(image!.tag)?.id })
})

it('--print shows what it writes, and asks no engine', async () => {
  await engine.stop()
  const { code, stdout } = await pando('build', '--print')
  expect(code).toBe(0)
  expect(stdout).toContain('# web\nFROM node:22-slim\n')
  expect(stdout).toContain('# left out: **/node_modules ')
  expect(stdout).toContain('# own\n# It has a Dockerfile of its own.\n')
  const recipes = JSON.parse((await pando('build', '--print', '--json', 'web')).stdout)
  expect(recipes).toEqual([{ service: 'web', recipe: { dockerfile: expect.any(String), ignore: expect.any(String) } }])
  expect(existsSync(join(line.stateDir, 'revisions'))).toBe(false)
})

it.each<[string[], number, string]>([
  [['nobody'], 1, 'there is no service nobody'],
  [['ready'], 2, 'service ready runs in the image redis:7: none is built'],
  [['tool'], 2, 'a service without a kind of program has nothing to make an image of'],
])('pando build %j is a mistake', async (args, code, message) => {
  expect(await pando('build', ...args)).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(message) })
  expect(engine.builds).toHaveLength(0)
})

it('says when there is nothing to make images of', async () => {
  write('pando.yaml', 'name: demo\nservices:\n  tool: { command: sleep 5, protocol: none }\n')
  expect(await pando('build')).toMatchObject({ code: 2, stderr: expect.stringContaining('no service of the manifest') })
})

it('tells why an image cannot be built', async () => {
  engine.failure = 'COPY failed: no such file'
  const failed = await pando('build', 'own')
  expect(failed).toMatchObject({ code: 1, stdout: '' })
  expect(failed.stderr).toContain('service own: its image failed: COPY failed: no such file')
  await engine.stop()
  const away = await pando('build', 'own')
  expect(away.code).toBe(1)
  expect(away.stderr).toContain('no container engine answers at')
  expect(away.stderr).not.toContain('    at ')
})

it('deploy, diff and up check a manifest as the app was started', async () => {
  await line.wish({ driver: 'container' })
  write(
    'pando.yaml',
    'name: demo\nservices:\n  users:\n    build: ./web\n    volumes: [data:/data]\nvolumes: { data: }\n',
  )
  const refused = await pando('up', '-d')
  expect(refused.stderr).toContain('volumes')
  expect(refused.code).toBe(2)
  expect(await pando('up', '-d', '--driver', 'container')).toMatchObject({ code: 0 })
  const said = line.asked('PUT').at(-1)?.body
  expect(said).toMatchObject({ variables: { PANDO_DRIVER: 'container' } })
  expect(await pando('up', '-d')).toMatchObject({ code: 0 })
  expect(line.asked('PUT').at(-1)?.body).toEqual(said)
  for (const command of [['diff'], ['deploy', 'users']]) {
    expect((await pando(...command)).stderr).not.toContain('volumes')
    expect(line.asked('POST').at(-1)?.body).toMatchObject({ variables: { PANDO_DRIVER: 'container' } })
  }
  expect((await line.run(['diff'], { PANDO_DRIVER: 'process' })).stderr).toContain('volumes')
})
