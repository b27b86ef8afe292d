import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AppSpec } from '@pando/model'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { initManifest, type InitialManifest } from './init.js'
import { loadManifest } from './load.js'

let folder = ''
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'pando-init-')), 'my Shop')
  await mkdir(folder)
})
afterEach(() => rm(join(folder, '..'), { recursive: true, force: true }))

async function put(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true })
    await writeFile(join(folder, name), content)
  }
}

/** What was found, and what its manifest means when it is loaded. */
async function initAndLoad(): Promise<InitialManifest & { app: AppSpec }> {
  const initial = await initManifest(folder)
  expect(await readdir(folder)).not.toContain('pando.yaml')
  await writeFile(join(folder, 'pando.yaml'), initial.text)
  const { app, warnings } = await loadManifest({ path: join(folder, 'pando.yaml'), variables: {} })
  expect(warnings).toEqual([])
  return { ...initial, app }
}

it('recognises services in every language that it knows, and writes a manifest that loads', async () => {
  await put({
    'flask-app/requirements.txt': 'flask\n',
    'flask-app/app.py': 'from flask import Flask\napp = Flask(__name__)\n',
    'fast/requirements.txt': 'fastapi\nuvicorn\n',
    'fast/main.py': 'from fastapi import FastAPI\napi = FastAPI(title="x")\n',
    'site/requirements.txt': 'django\n',
    'site/manage.py': '',
    'web/package.json': '{"scripts":{"start":"node server.js"}}',
    'api/package.json': '{"main":"lib/index.js"}',
    'groups/go/go.mod': 'module x\n',
    'groups/rusty/Cargo.toml': '[package]\nname = "x"\n',
    'groups/java/spring/pom.xml':
      '<project><parent><artifactId>spring-boot-starter-parent</artifactId></parent></project>',
    'legacy/Dockerfile': 'FROM scratch\n',
    'web/node_modules/dep/package.json': '{"scripts":{"start":"x"}}',
    '.git/hooks/package.json': '{"scripts":{"start":"x"}}',
    'lib/package.json': '{"name":"lib"}',
    'one/two/three/four/requirements.txt': '',
    'README.md': '',
  })
  const { services, text, app } = await initAndLoad()
  expect(services.map(({ name, folder, kind, evidence }) => `${name} ${folder} ${kind}: ${evidence}`)).toEqual([
    'api ./api node: package.json with main lib/index.js',
    'fast ./fast python: requirements.txt, FastAPI in main.py',
    'flask-app ./flask-app python: requirements.txt, Flask in app.py',
    'legacy ./legacy dockerfile: Dockerfile',
    'site ./site python: requirements.txt, Django in manage.py',
    'web ./web node: package.json with a start script',
    'go ./groups/go go: go.mod',
    'rusty ./groups/rusty rust: Cargo.toml',
    'spring ./groups/java/spring java-maven: pom.xml with Spring Boot',
  ])
  expect(app.name).toBe('my-shop')
  expect(
    Object.fromEntries(Object.entries(app.services).map(([name, { revision }]) => [name, revision.command])),
  ).toEqual({
    api: 'node lib/index.js',
    fast: 'uvicorn main:api --host $HOST --port $PORT',
    'flask-app': 'flask --app app run --host $HOST --port $PORT',
    legacy: null,
    site: 'python manage.py runserver --noreload $HOST:$PORT',
    web: null,
    go: null,
    rusty: null,
    spring: null,
  })
  expect(app.services['web']?.routes[0]?.matches[0]?.path).toEqual({ type: 'prefix', value: '/web' })
  expect(app.services['legacy']?.revision).toMatchObject({ build: { kind: 'dockerfile' }, container: { image: null } })
  expect(text).toMatch(/# Container image: Dockerfile\n {2}# Note: .* needs Docker or Podman here; .*\n {2}legacy:\n/)
})

it('writes a folder that is one service itself, which gets all the traffic', async () => {
  await put({ 'requirements.txt': 'flask\n', 'app.py': 'from flask import Flask\napplication = Flask(__name__)\n' })
  const { services, app } = await initAndLoad()
  expect(services.map(({ name, folder }) => `${name} ${folder}`)).toEqual(['my-shop .'])
  expect(app.services['my-shop']?.routes[0]?.matches[0]?.path.value).toBe('/')
  expect(app.services['my-shop']?.revision.build).toEqual({ kind: 'python', context: folder, command: null })
})

it('does not take a workspace for a service', async () => {
  await put({
    'package.json': '{"workspaces":["packages/*"],"scripts":{"start":"x"}}',
    'packages/a/package.json': '{"scripts":{"start":"x"}}',
    'packages/b/package.json': '{"scripts":{"start":"x"}}',
  })
  expect((await initAndLoad()).services.map(({ name }) => name)).toEqual(['a', 'b'])
})

it('gives services of the same folder name different names', async () => {
  const app = 'from flask import Flask\napp = Flask(__name__)\n'
  await put({
    'team/api/app.py': app,
    'other/api/app.py': app,
    '1st/app.py': app,
    'Ünïcode App/app.py': app,
    '日本/app.py': app,
  })
  const { app: loaded } = await initAndLoad()
  expect(Object.keys(loaded.services)).toEqual(['st', 'unicode-app', 'service', 'api', 'team-api'])
})

it('takes an image for a service, but not one of a folder that holds others', async () => {
  await put({ Dockerfile: '', 'a/Dockerfile': '', 'b/app.py': '' })
  expect((await initAndLoad()).services.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
    'a dockerfile',
    'b python',
  ])
})

it('writes a manifest that loads even when nothing tells how to start what was found', async () => {
  await put({ 'a/requirements.txt': '', 'b/requirements.txt': '' })
  const { app, services } = await initAndLoad()
  expect(services).toHaveLength(2)
  expect(app.services).toEqual({})
})

it('writes folders with odd names so that they load', async () => {
  const names = ['a: b', 'c # d', '-e', '*f', '"g"', "h'i", '$j', '${k}', 'l\\m', 'true', '{n}', 'o ', '日本 x']
  await put(Object.fromEntries(names.map((name) => [`${name}/main.py`, ''])))
  const { app } = await initAndLoad()
  const contexts = Object.values(app.services).map(({ revision }) => revision.build.context)
  expect(contexts.toSorted()).toEqual(names.map((name) => join(folder, name)).toSorted())
})

it('says when there is nothing', async () => {
  await put({ 'README.md': '' })
  await expect(initManifest(folder)).rejects.toMatchObject({ code: 'not_found' })
  await expect(initManifest(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'not_found' })
})
