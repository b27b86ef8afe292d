import { existsSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { TemporaryApp } from '../support/temporary-app.js'

const program = (name: string, more = ''): string => `
  ${name}:
    build: ./echo
    command: exec node echo.mjs
    healthcheck: { http: /healthz, interval: 200ms }${more}`

const services = (directory: string): string =>
  program(
    'web',
    `
    routes:
      - path: /limited
        rate_limit: { requests: 2, per: 24h }
        cors: https://shop.example
      - path: /mirrored
        mirror: shadow
        limits: { max_body: 10 }
      - path: /office
        ip: { allow: [10.0.0.0/8] }
      - path: /broken
        fault: { abort: { status: 503 } }
      - path: /proxied`,
  ) + program('shadow', `\n    environment: { PROCESSED: ${directory}/copied }`)

let app: TemporaryApp

beforeAll(async () => {
  app = await TemporaryApp.create('  none: { build: ./echo, command: node echo.mjs }')
  app.writeManifest(services(app.directory), {
    gateway: '  workers: 2\n  security_headers: true\n  trusted_proxies: [127.0.0.0/8]',
  })
  await app.up()
}, 120_000)

afterAll(() => app?.dispose(), 60_000)

test('what the manifest asks of routes is done by the gateway', async () => {
  const origin = 'https://shop.example'
  const headers = { origin, 'x-forwarded-for': '203.0.113.1' }
  const preflight = await app.fetch('/limited', {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'POST' },
  })
  expect([preflight.status, preflight.headers['access-control-allow-origin']]).toEqual([204, origin])
  const first = await app.fetch('/limited', { headers })
  expect(first.status).toBe(200)
  expect(first.headers).toMatchObject({
    'access-control-allow-origin': origin,
    'x-content-type-options': 'nosniff',
    'ratelimit-policy': '"default";q=2;w=86400',
    ratelimit: '"default";r=1;t=43200',
  })
  // Whichever worker answers, the bucket is soon empty, of this client alone.
  await until('the limit is reached', async () => (await app.fetch('/limited', { headers })).status === 429)
  expect((await app.fetch('/limited', { headers: { 'x-forwarded-for': '203.0.113.2' } })).status).toBe(200)

  expect((await app.fetch('/office')).body).toContain('"reason":"ip_denied"')
  expect((await app.fetch('/office', { headers: { 'x-forwarded-for': '10.1.1.1' } })).status).toBe(200)
  expect((await app.fetch('/broken')).body).toContain('"reason":"fault_injected"')

  const seen = await app.fetch('/proxied', { headers: { 'x-forwarded-for': '6.6.6.6, 203.0.113.1' } })
  expect(JSON.parse(seen.body).headers['x-forwarded-for']).toBe('203.0.113.1, 127.0.0.1')
})

test('a mirrored request reaches both services, and one that is too large neither', async () => {
  const posted = await app.fetch('/mirrored', { method: 'POST', headers: { 'x-number': '7' }, body: '0123456789' })
  expect(JSON.parse(posted.body).body).toBe('0123456789')
  const large = await app.fetch('/mirrored', { method: 'POST', headers: { 'x-number': '8' }, body: '0123456789a' })
  expect(large.status).toBe(413)
  await until('the copy is processed', () => Promise.resolve(existsSync(app.file('copied'))))
  expect(readFileSync(app.file('copied'), 'utf8')).toBe('7\n')
})

test('a change of a limit is a change of the route alone: nothing restarts', async () => {
  const before = await app.status()
  app.writeManifest(services(app.directory).replace('requests: 2', 'requests: 5'), { gateway: '  workers: 2' })
  await app.up()
  await until('the new limit is told', async () => {
    const { headers } = await app.fetch('/limited')
    return headers['ratelimit-policy'] === '"default";q=5;w=86400' && headers['x-content-type-options'] === undefined
  })
  const ids = (status: typeof before) =>
    status.services.flatMap(({ instances }) => instances.map(({ id }) => id)).sort()
  expect(ids(await app.status())).toEqual(ids(before))
})
