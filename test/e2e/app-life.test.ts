import { appendFileSync, existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { TemporaryApp } from '../support/temporary-app.js'

const services = `
  back:
    build: ./echo
    command: exec node echo.mjs
    healthcheck: /healthz
    replicas: 2
    environment:
      VERSION: one
      API_TOKEN: hush
    routes: [/back]
  front:
    build: ./echo
    command: exec node echo.mjs
    healthcheck: /healthz
    depends_on: [back]
    routes:
      - path: { prefix: /front }
        rewrite: { prefix: /inner }`

describe('an app from up to down', () => {
  let app: TemporaryApp

  beforeAll(async () => {
    app = await TemporaryApp.create(services)
    await app.up()
  }, 120_000)

  afterAll(() => app?.dispose(), 60_000)

  test('up -d returns when all is ready, and says what runs where', async () => {
    const status = await app.status()
    expect(status.services.map((service) => [service.name, service.state, service.healthy])).toEqual([
      ['back', 'ready', 2],
      ['front', 'ready', 1],
    ])
    const again = await app.run('up', '-d')
    expect(again.code).toBe(0)
    expect(again.stdout).toContain(`http://127.0.0.1:${app.gatewayPort}`)
  })

  test('up again changes nothing: the same processes serve on', async () => {
    const before = (await app.status()).services.flatMap((service) => service.instances.map((one) => one.pid))
    await app.up()
    const after = (await app.status()).services.flatMap((service) => service.instances.map((one) => one.pid))
    expect(after).toEqual(before)
  })

  test('the gateway routes, balances, rewrites, and adds its headers', async () => {
    const seen = new Set<string>()
    for (let i = 0; i < 10; i++) {
      const answer = await app.fetch(`/back/x?i=${i}`)
      expect(answer.status).toBe(200)
      const body = JSON.parse(answer.body)
      seen.add(body.instance)
      expect(body.url).toBe(`/back/x?i=${i}`)
      expect(body.headers['x-forwarded-for']).toBe('127.0.0.1')
      expect(body.headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/)
      expect(body.headers['traceparent']).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/)
    }
    expect(seen.size).toBe(2)
    expect(JSON.parse((await app.fetch('/front/a/b')).body).url).toBe('/inner/a/b')
  })

  test('what no route matches is a problem that says so', async () => {
    const answer = await app.fetch('/nowhere')
    expect(answer.status).toBe(404)
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(JSON.parse(answer.body)).toMatchObject({ status: 404 })
  })

  test('an instance gets what it is promised and nothing of ours', async () => {
    // The echo program answers /env itself, so it is asked directly, past the routes.
    const [instance] = await app.healthyInstances('front')
    const environment = JSON.parse((await app.fetch('/env', { port: instance!.address!.port })).body)
    expect(environment).toMatchObject({
      PORT: String(instance!.address!.port),
      HOST: '127.0.0.1',
      PANDO_APP: app.name,
      PANDO_SERVICE: 'front',
      PANDO_INSTANCE: instance!.id,
      OTEL_SERVICE_NAME: 'front',
    })
    expect(environment.BACK_URL).toBe(`http://${environment.BACK_SERVICE_HOST}:${environment.BACK_SERVICE_PORT}`)
    expect(Object.keys(environment).filter((name) => /^(npm_|VITEST|NODE_|NO_COLOR)/.test(name))).toEqual([])
    const answer = await app.fetch('/anything', { port: Number(environment.BACK_SERVICE_PORT) })
    expect(JSON.parse(answer.body).url).toBe('/anything')
  })

  test('logs come from the programs, by service', async () => {
    const result = await app.run('logs', 'back')
    expect(result.code).toBe(0)
    expect(result.stdout.match(/listening on \d+/g)?.length).toBeGreaterThanOrEqual(2)
    expect(result.stdout).not.toContain('front')
  })

  test('logs -f follows what is written after it began', async () => {
    const [instance] = await app.healthyInstances('back')
    const following = app.attach('logs', '-f', '--tail', '0', 'back')
    const file = join(app.stateDir, 'logs/back', `${instance!.id}.log`)
    const isFollowed = await until('the log is followed', () => {
      appendFileSync(file, 'a line from afar\n')
      return following.text().includes('a line from afar')
    })
    following.child.kill('SIGINT')
    expect(isFollowed).toBe(true)
  })

  test('scale up and down, and back by the manifest', async () => {
    expect((await app.run('scale', 'front=3')).code).toBe(0)
    await app.settled('front', 3)
    expect((await app.run('scale', 'front=1')).code).toBe(0)
    await app.settled('front', 1)
    const wrong = await app.run('scale', 'frnt=2')
    expect(wrong.code).toBe(1)
    expect(wrong.stderr).toContain('front')
    expect((await app.run('scale', 'front=abc')).code).toBe(2)
  })

  test('restart replaces every instance, none is gone before its successor is healthy', async () => {
    const before = new Set((await app.healthyInstances('back')).map((one) => one.id))
    expect((await app.run('restart', 'back')).code).toBe(0)
    await until(
      'both are new',
      async () => {
        const now = await app.service('back')
        expect(now.healthy).toBeGreaterThanOrEqual(2)
        return now.instances.length === 2 && now.instances.every((one) => !before.has(one.id))
      },
      { timeoutMs: 40_000 },
    )
  })

  test('stop and start of one service leave the others alone', async () => {
    const front = (await app.healthyInstances('front'))[0]!.pid
    expect((await app.run('stop', 'back')).code).toBe(0)
    await until('back has stopped', async () => (await app.service('back')).instances.length === 0)
    expect((await app.service('back')).state).toBe('stopped')
    expect((await app.run('start', 'back')).code).toBe(0)
    await app.settled('back', 2)
    expect((await app.healthyInstances('front'))[0]!.pid).toBe(front)
  })

  test('a changed manifest rolls just the service that changed', async () => {
    const front = (await app.healthyInstances('front'))[0]!.pid
    app.writeManifest(services.replace('VERSION: one', 'VERSION: two'))
    await app.up()
    await until('the new version serves', async () => JSON.parse((await app.fetch('/back')).body).version === 'two')
    await app.settled('back', 2)
    expect((await app.healthyInstances('front'))[0]!.pid).toBe(front)
  })

  test('a manifest with mistakes changes nothing and names all of them with their places', async () => {
    const before = (await app.status()).services
    app.writeManifest(
      services.replace('replicas: 2', 'replicsa: 2').replace('depends_on: [back]', 'depends_on: [bakc]'),
    )
    const result = await app.run('up', '-d')
    expect(result.code).toBe(2)
    expect(result.stderr).toMatch(/pando\.yaml:8:\d+/)
    expect(result.stderr).toContain('replicas')
    expect(result.stderr).toMatch(/pando\.yaml:17:\d+/)
    expect(result.stderr).not.toMatch(/\n\s+at /)
    app.writeManifest(services.replace('VERSION: one', 'VERSION: two'))
    expect((await app.status()).services.map((one) => one.revision)).toEqual(before.map((one) => one.revision))
  })

  test('an instance that crashes is started again and its exit is explained', async () => {
    const [instance] = await app.healthyInstances('front')
    await app.fetch('/crash?code=7', { port: instance!.address!.port }).catch(() => undefined)
    const [again] = await until('front is back', async () => {
      const healthy = await app.healthyInstances('front')
      return healthy.length === 1 && healthy[0]!.id !== instance!.id && healthy
    })
    expect(again!.restarts).toBe(1)
    const events = await app.run('events')
    expect(events.stdout).toContain('exit code 7')
  })

  test('routes, config and events answer as JSON too; secrets are not shown', async () => {
    const routes = JSON.parse((await app.run('routes', '--json')).stdout)
    expect(JSON.stringify(routes)).toContain('/front')
    const config = await app.run('config')
    expect(config.code).toBe(0)
    expect(config.stdout).toContain('back')
    expect(config.stdout).not.toContain('hush')
    expect((await app.run('events', '--json')).code).toBe(0)
  })

  test('what we keep is readable by its owner only', () => {
    expect(statSync(join(app.stateDir, 'control.sock')).mode & 0o777).toBe(0o600)
    expect(statSync(join(app.stateDir, 'state.db')).mode & 0o077).toBe(0)
    expect(readFileSync(join(app.stateDir, 'pandod.log'), 'utf8')).not.toContain('hush')
  })

  test('metrics of gateway and control plane, with a token', async () => {
    const refused = await app.fetch('/metrics', { port: app.apiPort })
    expect(refused.status).toBe(401)
    const token = readFileSync(join(app.stateDir, 'token'), 'utf8').trim()
    const answer = await app.fetch('/metrics', { port: app.apiPort, headers: { authorization: `Bearer ${token}` } })
    expect(answer.status).toBe(200)
    expect(answer.body).toMatch(/pando_gateway_requests_total\{[^}]*service="back"[^}]*\} \d+/)
    expect(answer.body).toMatch(/pando_instances\{[^}]*service="back"[^}]*\} 2/)
  })

  test('two up at the same moment, with nothing running, come to one control plane', async () => {
    expect((await app.run('down')).code).toBe(0)
    const results = await Promise.all([app.run('up', '-d'), app.run('up', '-d')])
    expect(results.map(({ code, stderr }) => ({ code, stderr }))).toEqual([
      { code: 0, stderr: '' },
      { code: 0, stderr: '' },
    ])
    const { pid } = await app.status()
    const daemons = (): number[] =>
      app.processes().filter((one) => commandLine(one).some((word) => word.endsWith('/pandod.js')))
    // The one that came second ends as soon as it has found the first.
    await until('one control plane is left', () => daemons().length === 1)
    expect(daemons()).toEqual([pid])
    await app.settled('back', 2)
  })

  test('down leaves no process, and says so when there is nothing to take down', async () => {
    expect((await app.run('down')).code).toBe(0)
    expect(app.processes()).toEqual([])
    await expect(app.fetch('/back')).rejects.toThrow('ECONNREFUSED')
    expect((await app.run('down')).code).toBe(0)
    const ps = await app.run('ps')
    expect(ps.code).toBe(1)
    expect(existsSync(join(app.stateDir, 'control.sock'))).toBe(false)
  })
})

function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    return []
  }
}
