import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findBrowser, openBrowser } from '../support/browser.js'
import { CertificateFolder } from '../support/certificates.js'
import { until } from '../support/condition.js'
import { freePorts } from '../support/free-ports.js'
import { findProgram } from '../support/find-program.js'
import { TemporaryApp } from '../support/temporary-app.js'

const run = promisify(execFile)

const service = `
  echo:
    build: ./echo
    command: exec node echo.mjs
    routes: [/, shop.test]`

let app: TemporaryApp
let port: number
let authority: string

beforeAll(async () => {
  authority = mkdtempSync(join(tmpdir(), 'pando-authority-'))
  ;[port] = (await freePorts(1)) as [number]
  const gateway = `  workers: 2\n  tls: { port: ${port}, redirect: true }\n  security_headers: { hsts: {} }`
  app = await TemporaryApp.create(service, { gateway })
  app.environment['PANDO_CA_DIR'] = join(authority, 'ca')
  await app.up()
}, 120_000)

afterAll(async () => {
  await app?.dispose()
  rmSync(authority, { recursive: true, force: true })
}, 60_000)

const ca = (): string => join(authority, 'ca/ca.pem')
const curl = async (...args: string[]) => (await run('curl', ['-sS', '--cacert', ca(), ...args])).stdout

/** The serial number that the gateway shows now. */
function serial(): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: readFileSync(ca()) })
    socket.once('error', reject)
    socket.once('secureConnect', () => {
      resolve(socket.getPeerX509Certificate()?.serialNumber ?? '')
      socket.end()
    })
  })
}

/** One request on a connection of its own; its status. */
function ask(): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: 'localhost', port, agent: new Agent({ ca: readFileSync(ca()) }), path: '/' })
    outgoing.once('error', reject)
    outgoing.once('response', (response) => {
      response.resume()
      response.once('end', () => resolve(response.statusCode ?? 0))
    })
    outgoing.end()
  })
}

test('the development certificate is made by itself, for this machine and the hosts of routes', async () => {
  expect(await curl('-o', '/dev/null', '-w', '%{http_code} %{ssl_verify_result}', `https://localhost:${port}/`)).toBe(
    '200 0',
  )
  const ofRoute = ['--resolve', `shop.test:${port}:127.0.0.1`, `https://shop.test:${port}/x`]
  expect(JSON.parse(await curl(...ofRoute))).toMatchObject({ headers: { 'x-forwarded-proto': 'https' } })
  const shown = JSON.parse((await app.run('cert', '--json')).stdout) as { names: string[]; daysLeft: number }[]
  expect(shown[0]?.names).toEqual(expect.arrayContaining(['localhost', '127.0.0.1', 'echo.localhost', 'shop.test']))
  expect(shown[0]?.daysLeft).toBeGreaterThan(80)
})

test('clients that can speak HTTP/2 do', async () => {
  const version = ['-o', '/dev/null', '-w', '%{http_version} %{http_code}', `https://localhost:${port}/`]
  expect(await curl('--http2', ...version)).toBe('2 200')
  expect(await curl('--http1.1', ...version)).toBe('1.1 200')
})

test('the plain port sends to the encrypted one, with path and query; only there HSTS is said', async () => {
  const answer = await app.fetch('/a?b=c', { headers: { host: `localhost:${app.gatewayPort}` } })
  expect([answer.status, answer.headers.location]).toEqual([308, `https://localhost:${port}/a?b=c`])
  expect(answer.headers['strict-transport-security']).toBeUndefined()
  const followed = await curl('-i', '-L', `http://localhost:${app.gatewayPort}/a?b=c`)
  expect(followed.match(/^strict-transport-security: .*$/gim)).toEqual(['strict-transport-security: max-age=31536000'])
})

test('pando cert trust says how, and changes nothing; ps and status name both addresses', async () => {
  const { stdout } = await app.run('cert', 'trust')
  expect(stdout).toContain(`curl --cacert ${ca()} https://localhost:${port}/`)
  expect(stdout).toContain('update-ca-certificates')
  const status = await app.status()
  expect(status.gateway.tls).toEqual({ host: '127.0.0.1', port })
})

test(
  'a browser that trusts the authority opens it, and one that does not refuses',
  { timeout: 120_000 },
  async (context) => {
    const executable = findBrowser()
    if (executable === null || findProgram('certutil') === null) context.skip('chromium or certutil is not installed')
    const trusting = await openBrowser(executable as string, { authority: ca() })
    try {
      const page = await trusting.browser.newPage()
      const response = await page.goto(`https://localhost:${port}/`)
      expect(response?.status()).toBe(200)
      expect((await response?.securityDetails())?.protocol).toMatch(/TLS 1\.3/)
    } finally {
      await trusting.close()
    }
    const doubting = await openBrowser(executable as string)
    try {
      const page = await doubting.browser.newPage()
      await expect(page.goto(`https://localhost:${port}/`)).rejects.toThrow(/ERR_CERT_AUTHORITY_INVALID/)
    } finally {
      await doubting.close()
    }
  },
)

test(
  'a renewed certificate is shown, and workers are replaced, under load without a failed request',
  { timeout: 120_000 },
  async () => {
    const before = await serial()
    const load = { isOver: false }
    const statuses = new Map<number, number>()
    const failures: unknown[] = []
    const clients = Array.from({ length: 3 }, async () => {
      while (!load.isOver) {
        try {
          const status = await ask()
          statuses.set(status, (statuses.get(status) ?? 0) + 1)
        } catch (error) {
          failures.push(error)
        }
      }
    })
    for (let round = 0; round < 3; round++) {
      const last = await serial()
      expect((await app.run('cert', 'renew')).code).toBe(0)
      await until('the new one is shown', async () => (await serial()) !== last)
      // Replaces every worker, one after the other.
      process.kill((await app.status()).gateway.pid ?? 0, 'SIGUSR2')
    }
    load.isOver = true
    await Promise.all(clients)
    expect(failures).toEqual([])
    expect([...statuses.keys()]).toEqual([200])
    expect(statuses.get(200)).toBeGreaterThan(20)
    expect(await serial()).not.toBe(before)
  },
)

test('sslscan finds no weak version and no weak cipher', { timeout: 120_000 }, async (context) => {
  if (findProgram('sslscan') === null) context.skip('sslscan is not installed')
  const { stdout } = await run('sslscan', ['--no-colour', '--no-heartbleed', `127.0.0.1:${port}`])
  const versions = [...stdout.matchAll(/^(SSLv2|SSLv3|TLSv1\.\d)\s+(enabled|disabled)/gm)].map(([line]) =>
    line.replace(/\s+/, ' '),
  )
  expect(versions).toEqual([
    'SSLv2 disabled',
    'SSLv3 disabled',
    'TLSv1.0 disabled',
    'TLSv1.1 disabled',
    'TLSv1.2 enabled',
    'TLSv1.3 enabled',
  ])
  const accepted = [...stdout.matchAll(/^(?:Preferred|Accepted)\s+TLSv1\.\d\s+\d+ bits\s+(\S+)/gm)].map(
    ([, name]) => name,
  )
  expect(accepted.length).toBeGreaterThanOrEqual(5)
  expect(accepted.filter((name) => !/^TLS_|^ECDHE-ECDSA-.*(GCM|POLY1305)/.test(name ?? ''))).toEqual([])
  expect(stdout).toMatch(/renegotiation (not supported|disabled)/i)
})

test(
  'own certificates: a bad new one leaves the old, and routes, events and log tell it',
  { timeout: 120_000 },
  async () => {
    const folder = await CertificateFolder.make()
    try {
      const files = await folder.put('own', ['localhost'])
      app.writeManifest(service, {
        gateway: `  workers: 2\n  tls: { port: ${port}, certificates: [{ cert: ${files.cert}, key: ${files.key} }] }`,
      })
      await app.up()
      const own = ['--cacert', folder.ca, '-o', '/dev/null', '-w', '%{http_code}', `https://localhost:${port}/`]
      await until('the own one is shown', async () => (await run('curl', ['-sS', ...own])).stdout === '200')
      writeFileSync(files.cert, 'not a certificate')
      const told = /the one that was read before stays/
      await until('routes tell it', async () => told.test((await app.run('routes')).stderr))
      expect((await run('curl', ['-sS', ...own])).stdout).toBe('200')
      expect((await app.run('events')).stdout).toMatch(told)
      await folder.put('own', ['localhost'])
      await until('it is well again', async () => (await app.run('routes')).stderr === '')
      const renewed = await app.run('cert', 'renew')
      expect([renewed.code, renewed.stderr]).toEqual([
        1,
        expect.stringContaining('the certificates of this app are your own'),
      ])
      writeFileSync(files.cert, 'not a certificate')
      const { code, stderr } = await app.run('up', '-d')
      expect(code).toBe(2)
      expect(stderr).toMatch(
        /pando\.yaml:\d+:\d+ {2}gateway\.tls\.certificates\[0\]\.cert: there is no certificate in PEM in it/,
      )
    } finally {
      folder.remove()
    }
  },
)
