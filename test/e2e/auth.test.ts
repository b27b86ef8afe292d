import { execFileSync } from 'node:child_process'
import type { IncomingHttpHeaders } from 'node:http'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { ApiKeyInfo, MadeApiKey } from '@pando/model'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CertificateFolder } from '../support/certificates.js'
import { until } from '../support/condition.js'
import { Issuer } from '../support/issuer.js'
import { TemporaryApp } from '../support/temporary-app.js'

const cli = resolve(import.meta.dirname, '../../packages/cli/dist/main.js')

const services = `
  back:
    build: ./echo
    command: exec node echo.mjs
    healthcheck: /healthz
    routes:
      - { path: /public, auth: none }
      - { path: /users, auth: users }
      - { path: /write, auth: { any_of: [users, keys], scopes: [write] } }
      - { path: /keys, auth: keys }
      - { path: /tools, auth: tools }
      - { path: /pages, auth: web }
      - /fallback`

const gatewayOf = (issuer: string, provider: string): string => `  workers: 2
  default_auth: users
  authenticators:
    users: { jwt: { issuer: "${issuer}", audience: shop, cooldown: 1s, headers: { X-User: sub } } }
    keys: { api_keys: { headers: { X-Client: sub } } }
    tools: { basic: { file: ./passwords } }
    web: { login: { issuer: "${provider}", client_id: shop, client_secret: ./client, cookie_secret: ./cookies, headers: { X-User: sub } } }
`

let app: TemporaryApp
let certificates: CertificateFolder
/** With a certificate of an authority that only this test knows. */
let issuer: Issuer
let provider: Issuer

beforeAll(async () => {
  certificates = await CertificateFolder.make()
  issuer = await Issuer.start(await certificates.put('issuer', ['localhost']))
  provider = await Issuer.start()
  app = await TemporaryApp.create(services, { gateway: gatewayOf(issuer.url, provider.url) })
  app.environment['NODE_EXTRA_CA_CERTS'] = certificates.ca
  const line = execFileSync(process.execPath, [cli, 'key', 'hash-password', 'ann'], { input: 'se cret\n' })
  writeFileSync(app.file('passwords'), line)
  writeFileSync(app.file('client'), 'client-secret')
  writeFileSync(app.file('cookies'), 'c'.repeat(32))
  await app.up()
}, 120_000)

afterAll(async () => {
  await app?.dispose()
  await issuer?.close()
  await provider?.close()
  certificates?.remove()
}, 60_000)

const status = async (path: string, headers: Record<string, string> = {}): Promise<number> =>
  (await app.fetch(path, { headers })).status
const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })
const login = (text: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(text).toString('base64')}`,
})
const cookieOf = (headers: IncomingHttpHeaders): string =>
  (headers['set-cookie'] ?? [])
    .filter((line) => !line.includes('Max-Age=0;'))
    .map((line) => line.split(';')[0])
    .join('; ')
const headersOf = (body: string): Record<string, string> =>
  (JSON.parse(body) as { headers: Record<string, string> }).headers

test('a token of a real issuer lets in; every route asks for one that does not say otherwise', async () => {
  const token = await issuer.token('one')
  const answer = await app.fetch('/users', { headers: { ...bearer(token), 'x-user': 'mallory' } })
  expect(answer.status).toBe(200)
  expect(headersOf(answer.body)['x-user']).toBe('alice')
  expect(await status('/fallback', bearer(token))).toBe(200)
  expect(await status('/fallback')).toBe(401)
  expect(await status('/write', bearer(token))).toBe(403)
  expect(await status('/write', bearer(await issuer.token('one', { scope: 'write' })))).toBe(200)
  const open = await app.fetch('/public', { headers: { X_User: 'mallory', 'x-client': 'mallory' } })
  expect(open.status).toBe(200)
  expect(open.body).not.toContain('mallory')
})

test('a browser logs in at a real provider, and both workers know it', async () => {
  const page = { accept: 'text/html' }
  const first = await app.fetch('/pages?x=1', { headers: page })
  expect(first.status).toBe(303)
  const sent = await fetch(first.headers.location ?? '', { redirect: 'manual' })
  const back = new URL(sent.headers.get('location') ?? '')
  expect(back.pathname).toBe('/_pando/login/web/callback')
  const done = await app.fetch(back.pathname + back.search, { headers: { cookie: cookieOf(first.headers) } })
  expect(done).toMatchObject({ status: 303, headers: { location: '/pages?x=1' } })
  const cookie = cookieOf(done.headers)
  for (let turn = 0; turn < 8; turn++) {
    const answer = await app.fetch('/pages', { headers: { cookie } })
    expect(answer.status).toBe(200)
    expect(headersOf(answer.body)['x-user']).toBe('alice')
    expect(answer.body).not.toContain('pando-web')
  }
}, 60_000)

test('keys are turned over under traffic, and the old one lets nobody in once it is gone', async () => {
  const old = await issuer.token('one')
  await issuer.rotate('one', 'two')
  const fresh = await issuer.token('two')
  // Both workers hear of it within their cooldown.
  await until('the new key lets in', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => status('/users', bearer(fresh))))
    return answers.every((one) => one === 200)
  })
  expect(await status('/users', bearer(old))).toBe(200)
  await issuer.rotate('two', 'three')
  const newest = await issuer.token('three')
  await until('the old key lets nobody in', async () => {
    await Promise.all(Array.from({ length: 8 }, () => status('/users', bearer(newest))))
    const answers = await Promise.all(Array.from({ length: 8 }, () => status('/users', bearer(old))))
    return answers.every((one) => one === 401)
  })
}, 60_000)

test('an API key is shown once, lets in, and is taken back', async () => {
  const made = JSON.parse(
    (await app.run('key', 'create', 'ci', '--scope', 'write', '--expires', '1d', '--json')).stdout,
  ) as MadeApiKey
  expect(made.key).toMatch(/^pando_[0-9A-Za-z]{49}$/)
  const key = { 'x-api-key': made.key }
  await until('the key lets in', async () => (await status('/keys', key)) === 200)
  const answer = await app.fetch('/write', { headers: key })
  expect(headersOf(answer.body)['x-client']).toBe('ci')
  expect(answer.body).not.toContain(made.key)
  const listed = JSON.parse((await app.run('key', 'list', '--json')).stdout) as ApiKeyInfo[]
  expect(listed).toMatchObject([{ name: 'ci', prefix: made.key.slice(0, 12), scopes: ['write'] }])
  expect(listed[0]?.lastUsedAt).toBeGreaterThanOrEqual(listed[0]?.createdAt ?? Number.NaN)
  expect((await app.run('key', 'create', 'ci')).stderr).toContain('there is a key ci already')
  const typo = await app.run('key', 'create', 'typo', '--service', 'bakc', 'back')
  expect([typo.code, typo.stderr.match(/there is no service \w+/g)]).toEqual([0, ['there is no service bakc']])
  await app.run('key', 'revoke', 'typo')
  // Nowhere on the disk, not even in what the gateway keeps of its table.
  for (const file of ['state.db', 'state.db-wal', 'pandod.log']) {
    expect(readFileSync(join(app.stateDir, file)).includes(made.key)).toBe(false)
  }
  expect((await app.run('key', 'revoke', 'ci')).code).toBe(0)
  await until('the key lets nobody in', async () => (await status('/keys', key)) === 401, { timeoutMs: 5_000 })
  expect((await app.run('key', 'revoke', 'ci')).stderr).toContain('there is no key ci')
}, 60_000)

test('a password of a file that pando wrote lets in', async () => {
  expect(await status('/tools', login('ann:se cret'))).toBe(200)
  expect(await status('/tools', login('ann:secret'))).toBe(401)
}, 60_000)

test('pando routes says who gets in where', async () => {
  const { stdout } = await app.run('routes')
  expect(stdout).toMatch(/back\/0 .* 1$/m)
  expect(stdout).toMatch(/back\/2 .* auth users\|keys$/m)
  expect(stdout).toMatch(/\/fallback\/\* .* auth users$/m)
})

test('a mistake names its line, and what runs goes on', async () => {
  app.writeManifest(services.replace('auth: tools', 'auth: tolls'), { gateway: gatewayOf(issuer.url, provider.url) })
  const result = await app.run('up', '-d')
  expect(result.code).toBe(2)
  expect(result.stderr).toContain('there is no authenticator "tolls"')
  expect(result.stderr).toContain('did you mean "tools"?')
  expect(result.stderr).toMatch(/pando\.yaml:\d+:\d+/)
  expect(await status('/public')).toBe(200)
}, 60_000)
