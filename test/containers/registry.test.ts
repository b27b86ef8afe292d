import { mkdirSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePorts } from '../support/free-ports.js'
import { withContainerApp } from '../support/container-app.js'
import { hasEngine, type ContainerEngine } from '../support/container-engine.js'
import { Registry } from '../support/registry.js'
import type { TemporaryApp } from '../support/temporary-app.js'

const services = `
  web:
    build: ./web
  other:
    build: ./other`

interface Made {
  readonly service: string
  readonly tag: string
  readonly id: string
  readonly names: { readonly name: string; readonly pushed: string | null }[]
}

describe.skipIf(!hasEngine)('pando build --tag --push', () => {
  let engine: ContainerEngine
  let app: TemporaryApp
  let open: Registry
  let locked: Registry

  beforeAll(async () => {
    open = await Registry.start()
    locked = await Registry.start({ user: 'ann', password: 'secret' })
  })
  afterAll(async () => {
    await open.stop()
    await locked.stop()
  })
  withContainerApp(services, async (made) => {
    ;({ engine, app } = made)
    await engine.importBusybox()
    for (const name of ['web', 'other']) {
      mkdirSync(app.file(name))
      writeFileSync(app.file(`${name}/Dockerfile`), `FROM busybox\nCOPY Dockerfile /of-${name}\nCMD ["true"]\n`)
    }
    app.environment['DOCKER_CONFIG'] = app.file('docker')
  })
  const build = (...args: string[]) => app.run('build', ...args)

  test('sends what can be fetched again, under the digest that it says', { timeout: 120_000 }, async () => {
    const name = `${open.host}/shop/{service}:1.2`
    const { code, stdout, stderr } = await build('--tag', name, '--push', '--json')
    expect([code, stderr]).toEqual([0, expect.stringMatching(/web .*push/i)])
    const made = JSON.parse(stdout) as Made[]
    expect(made.map((each) => each.names.map((given) => given.name))).toEqual([
      [`${open.host}/shop/web:1.2`],
      [`${open.host}/shop/other:1.2`],
    ])
    const [web] = made
    expect(open.manifests.has(`shop/web@${web!.names[0]!.pushed}`)).toBe(true)
    for (const tag of [web!.tag, web!.names[0]!.name]) await engine.ask('DELETE', `/images/${encodeURIComponent(tag)}`)
    await engine.pull(web!.names[0]!.name)
    const found = await engine.json<{ Id: string }>('GET', `/images/${encodeURIComponent(web!.names[0]!.name)}/json`)
    expect(found.Id).toBe(web!.id)
  })

  test('logs in as docker login did, and says it where that is not enough', { timeout: 120_000 }, async () => {
    const name = `${locked.host}/web:1`
    const refused = await build('web', '-t', name, '--push')
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(`docker login ${locked.host}`)])
    expect(refused.stderr).not.toContain('    at ')
    mkdirSync(app.file('docker'))
    const auth = Buffer.from('ann:secret').toString('base64')
    writeFileSync(app.file('docker/config.json'), JSON.stringify({ auths: { [locked.host]: { auth } } }))
    const sent = await build('web', '-t', name, '-t', 'web:plain')
    expect(sent.stdout).toMatch(/127\.0\.0\.1:\d+\/web:1 +named\n +web:plain +named\n/)
    expect((await build('web', '-t', name, '--push')).stdout).toMatch(/\/web:1 +sha256:[0-9a-f]{12} +sent\n/)
    expect([...locked.manifests.keys()]).toContain('web:1')
    // What runs from an image of that registry is fetched with the same login.
    await engine.ask('DELETE', `/images/${encodeURIComponent(name)}`)
    app.writeManifest(`  web: { image: "${name}", command: [sleep, "600"], protocol: none }`)
    await app.up()
    expect((await app.service('web')).healthy).toBe(1)
  })

  test('names what cannot be', { timeout: 60_000 }, async () => {
    app.writeManifest(services)
    const mistakes: [string[], string][] = [
      [['--push'], '--push needs a name of a registry'],
      [['-t', 'one:1'], '2 images cannot have one name'],
      [['web', '-t', 'Not/A Name'], 'is no name for an image'],
    ]
    for (const [args, message] of mistakes) {
      expect(await build(...args)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(message) })
    }
    const [port] = await freePorts(1)
    const away = await build('web', '-t', `127.0.0.1:${port}/web:1`, '--push')
    expect([away.code, away.stderr]).toEqual([1, expect.stringContaining(`could not be sent to 127.0.0.1:${port}`)])
  })
})
