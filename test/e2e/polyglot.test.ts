import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { root } from '../house/source-tree.js'
import { TemporaryApp } from '../support/temporary-app.js'

vi.setConfig({ testTimeout: 60_000 })

const works = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0

const programs = [
  { name: 'node-app', language: 'node', lacks: null },
  {
    name: 'flask-app',
    language: 'python',
    lacks: works('python3', '-c', 'import venv, ensurepip') ? null : 'python3 with venv',
  },
  // Its packages are many: they are not fetched for a test.
  {
    name: 'fast-app',
    language: 'python',
    lacks: works('python3', '-c', 'import fastapi, uvicorn') ? null : 'fastapi and uvicorn for python3',
  },
  { name: 'go-app', language: 'go', lacks: works('go', 'version') ? null : 'go' },
  { name: 'rust-app', language: 'rust', lacks: works('cargo', '--version') ? null : 'cargo' },
  {
    name: 'java-app',
    language: 'java',
    lacks: works('mvn', '--version') && works('javac', '--version') ? null : 'mvn and a JDK',
  },
] as const
const here = programs.filter(({ lacks }) => lacks === null)
for (const { name, lacks } of programs) if (lacks !== null) console.warn(`left out: ${name}, for there is no ${lacks}`)

describe('a folder of services in several languages', () => {
  let app: TemporaryApp
  let written: string

  beforeAll(async () => {
    app = await TemporaryApp.create('  {}')
    for (const name of [...here.map((program) => program.name), 'legacy-app']) {
      cpSync(join(root, 'test/support/programs/polyglot', name), app.file(name), { recursive: true })
    }
    const init = await app.run('init', '--force')
    if (init.code !== 0) throw new Error(`pando init failed: ${init.stderr}`)
    written = readFileSync(app.file('pando.yaml'), 'utf8')
    // What runs in a container needs an engine, which is not everywhere that this runs.
    const withoutImage = written.replace(/\n {2}legacy-app:\n(?: {4}.*\n)+/, '\n')
    const ports = `  port: ${app.gatewayPort}\n  workers: 1\napi:\n  port: ${app.apiPort}\n`
    writeFileSync(app.file('pando.yaml'), withoutImage.replace('  port: 8080\n', ports))
    // Compilers start cold here, two at a time.
    await app.up()
  }, 300_000)

  afterAll(async () => {
    await app?.dispose()
  }, 60_000)

  for (const { name, language, lacks } of programs) {
    test.skipIf(lacks !== null)(`${name} is built, runs and is routed as pando init has written it`, async () => {
      const answer = await app.fetch(`/${name}`)
      expect(answer.status, answer.body).toBe(200)
      expect(JSON.parse(answer.body)).toEqual({ language })
    })
  }

  test('they find one another by their addresses', async () => {
    const { others } = JSON.parse((await app.fetch('/node-app/others')).body) as { others: Record<string, string> }
    const found = Object.entries(others).filter(([, language]) => language !== null)
    const expected = here.filter(({ name }) => name !== 'node-app').map(({ name, language }) => [name, language])
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected))
  })

  test('what only a container can run is written as one, with what it needs', () => {
    expect(written).toMatch(/# Container image: .*\n {2}# Note: .* needs Docker or Podman .*\n {2}legacy-app:\n/)
  })
})
