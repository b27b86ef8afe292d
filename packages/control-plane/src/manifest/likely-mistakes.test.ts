import { expect, it } from 'vitest'
import { readFrom } from './reading.suite.js'

function warningsOf(manifest: string): string[] {
  const result = readFrom(manifest)
  if (result.kind !== 'read') throw new Error(JSON.stringify(result.diagnostics))
  return result.warnings.map(({ line, path, message, hint }) => `${line} ${path}: ${message} (${hint})`)
}

const service = (rest: string): string => `services:\n  web:\n    build: ./web\n    command: serve\n${rest}`

it.each(['0.0.0.0/0', '"::/0"'])('warns of a trusted network that is everywhere: %s', (network) => {
  const [warning, ...others] = warningsOf(`${service('')}gateway:\n  trusted_proxies: [10.0.0.0/8, ${network}]\n`)
  expect(warning).toMatch(/^6 gateway\.trusted_proxies\[1\]: .*any client may say which address it comes from/)
  expect(warning).toContain('name only the networks of your own proxies')
  expect(others).toEqual([])
})

it('warns of a route that mirrors to its own service, be it one of several', () => {
  const own = warningsOf(service('    routes:\n      - { path: /a, mirror: web }\n'))
  expect(own).toEqual([
    '6 services.web.routes[0]: "web" gets each of these requests twice: itself, and as a copy (mirror to another service)',
  ])
  const other = '  api: { build: ./api, command: serve }\n'
  expect(warningsOf(service(`    routes:\n      - { path: /a, mirror: api }\n${other}`))).toEqual([])
})

it('warns of an ejection that is longer than the longest', () => {
  const [warning] = warningsOf(service('    ejection: { time: 1m, max_time: 30s }\n'))
  expect(warning).toMatch(/^5 services\.web\.ejection\.max_time: max_time 30s is shorter than time/)
  expect(warningsOf(service('    ejection: { time: 30s, max_time: 30s }\n'))).toEqual([])
  expect(warningsOf(service('    ejection: { time: 10m }\n'))).toEqual([])
})

it('warns of an allowed network that is everywhere', () => {
  const [warning] = warningsOf(service('    routes:\n      - { path: /a, ip: { allow: [10.0.0.1, 0.0.0.0/0] } }\n'))
  expect(warning).toMatch(/^6 services\.web\.routes\[0\]\.ip\.allow\[1\]: 0\.0\.0\.0\/0 is everybody/)
  const denied = '    routes:\n      - { path: /a, ip: { allow: [10.0.0.0/8], deny: ["10.0.0.1"] } }\n'
  expect(warningsOf(service(denied))).toEqual([])
})

it('warns of an authenticator that lets everybody in when it is away, beside others', () => {
  const gateway =
    'gateway:\n  authenticators:\n    keys: { api_keys: {} }\n    door: { external: { url: "http://127.0.0.1:9/", fail_open: true } }\n'
  const both = service(`    routes:\n      - { path: /a, auth: { any_of: [keys, door] } }\n${gateway}`)
  expect(warningsOf(both)[0]).toMatch(
    /^6 services\.web\.routes\[0\]\.auth\.any_of\[1\]: while "door" does not answer, whoever sends no/,
  )
  expect(warningsOf(service(`    routes:\n      - { path: /a, auth: door }\n${gateway}`))).toEqual([])
})

const routeWith = (text: string): string => service(`    routes:\n      - { path: /a, ${text} }\n`)

it.each([
  ['timeouts: { request: 1s, backend_request: 2s }', 'timeouts.backend_request'],
  ['timeouts: { request: 1s }, retry: { per_try_timeout: 2s }', 'retry.per_try_timeout'],
])('warns of one try that may take longer than the request: %s', (written, place) => {
  const [warning, ...others] = warningsOf(routeWith(written))
  expect(warning).toContain(`6 services.web.routes[0].${place}: one try may take 2s, but the request is over after 1s`)
  expect(others).toEqual([])
  expect(warningsOf(routeWith(written.replace('request: 1s', 'request: 0')))).toEqual([])
  expect(warningsOf(routeWith(written.replace('request: 1s', 'request: 3s')))).toEqual([])
})

const openTo = (host: string, rest = ''): string =>
  `${service('')}gateway:\n  host: ${host}\n  authenticators: { keys: { api_keys: {} } }\n${rest}`

it('warns of credentials that travel unencrypted', () => {
  const [warning, ...others] = warningsOf(openTo('0.0.0.0'))
  expect(warning).toMatch(
    /^7 gateway\.authenticators: whoever is between sees the credentials of all \(write gateway\.tls/,
  )
  expect(others).toEqual([])
  const plainToo = warningsOf(openTo('"::"', '  tls: { port: 8443 }\n'))
  expect(plainToo).toEqual([expect.stringContaining('by the plain port (write redirect: true under gateway.tls)')])
})

it.each([
  ['on this machine', openTo('127.0.0.1')],
  ['with a redirect', openTo('0.0.0.0', '  tls: { redirect: true }\n')],
  ['behind a proxy that is named', openTo('0.0.0.0', '  trusted_proxies: [10.0.0.1]\n')],
])('does not warn of credentials %s', (_, manifest) => {
  expect(warningsOf(manifest)).toEqual([])
})

it('warns of a redirect to where it comes from', () => {
  const [warning] = warningsOf(routeWith('redirect: { path: /a }'))
  expect(warning).toMatch(/^6 services\.web\.routes\[0\]\.redirect: \/a is sent to itself/)
  expect(warningsOf(routeWith('redirect: { path: /b }'))).toEqual([])
  expect(warningsOf(routeWith('redirect: { path: /a, scheme: https }'))).toEqual([])
})

it('warns of a route in whose place the gateway tells of its health', () => {
  const [warning, ...others] = warningsOf(`${routeWith('method: GET')}gateway: { health_path: /a }\n`)
  expect(warning).toMatch(/^6 services\.web\.routes\[0\]: the gateway answers GET and HEAD of \/a by itself/)
  expect(others).toEqual([])
  expect(warningsOf(`${routeWith('method: GET')}gateway: { health_path: /a/b }\n`)).toEqual([])
})

it('warns of faults that other machines may ask for', () => {
  const open = routeWith('fault: { by_header: true }')
  expect(warningsOf(open)).toEqual([])
  const [warning, ...others] = warningsOf(`${open}gateway: { host: 0.0.0.0 }\n`)
  expect(warning).toMatch(/^6 services\.web\.routes\[0\]\.fault\.by_header: whoever reaches the route/)
  expect(others).toEqual([])
})
