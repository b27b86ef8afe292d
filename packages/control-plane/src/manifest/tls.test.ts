import { createPrivateKey } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import type { TlsSpec } from '@pando/model'
import { issue, type Issued } from '../certificates/issue.js'
import { gatewayConfigOf } from '../desired/gateway-config.js'
import { appOf, readFrom } from './reading.suite.js'
import { renderConfig } from './render.js'

let one: Issued
let other: Issued

beforeAll(async () => {
  const times = { notBefore: Date.UTC(2026, 0, 1), notAfter: Date.UTC(2027, 0, 1) }
  one = await issue({ ...times, subject: 'CN=one', usage: 'server', hosts: ['one.test'], issuer: null })
  other = await issue({ ...times, subject: 'CN=other', usage: 'server', hosts: ['other.test'], issuer: null })
})

const manifest = (tls: string): string => `services:
  web:
    build: ./web
    command: serve
    routes: [/]
gateway:
  tls: ${tls}
`

const files = (): Record<string, string> => ({
  '/app/one.pem': one.cert,
  '/app/one-key.pem': one.key,
  '/app/other-key.pem': other.key,
  '/certs/ca.pem': other.cert,
  '/app/locked.pem': locked('pkcs8'),
  '/app/locked-ec.pem': locked('sec1'),
})

const locked = (type: 'pkcs8' | 'sec1'): string =>
  createPrivateKey(one.key).export({ type, format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString()

const tlsOf = (tls: string): TlsSpec | undefined => appOf(manifest(tls), { files: files() }).gateway.tls

function mistakesOf(tls: string): string[] {
  const result = readFrom(manifest(tls), { files: files() })
  if (result.kind !== 'mistaken') return []
  return result.diagnostics.map(
    ({ line, path, message, hint }) => `${line} ${path}: ${message}${hint ? ` (${hint})` : ''}`,
  )
}

const pair = '{ cert: one.pem, key: one-key.pem }'

describe('gateway.tls', () => {
  it('is nothing when it is not asked for', () => {
    expect(tlsOf('false')).toBeUndefined()
  })

  it('is the development certificate in its short form', () => {
    const expected = { port: 8443, certificates: null, minVersion: '1.2', clientAuth: null, redirectPort: null }
    expect(tlsOf('true')).toEqual(expected)
    expect(tlsOf('"true"')).toEqual(expected)
  })

  it('has its paths seen from the manifest', () => {
    expect(
      tlsOf(
        `{ port: 9443, certificates: [${pair}], min_version: 1.3, redirect: true, client_auth: { ca: /certs/ca.pem } }`,
      ),
    ).toEqual({
      port: 9443,
      certificates: [{ cert: '/app/one.pem', key: '/app/one-key.pem' }],
      minVersion: '1.3',
      clientAuth: { ca: '/certs/ca.pem', mode: 'require' },
      redirectPort: 9443,
    })
    expect(tlsOf('{ redirect: { port: 443 } }')?.redirectPort).toBe(443)
  })

  it.each([
    'true',
    `{ certificates: [${pair}], redirect: { port: 443 }, client_auth: { ca: /certs/ca.pem, mode: request } }`,
  ])('is rendered so that it is read as the same: %s', (tls) => {
    const app = appOf(manifest(tls), { files: files() })
    expect(appOf(renderConfig(app), { files: files() }).gateway).toEqual(app.gateway)
  })

  it('becomes a listener of its own', () => {
    const app = appOf(manifest('{ redirect: true }'), { files: files() })
    const localCertificate = { cert: '/state/local.pem', key: '/state/local-key.pem' }
    const { listeners } = gatewayConfigOf(app, new Map(), { accessLog: '', localCertificate })
    expect(listeners).toEqual([
      { kind: 'edge', name: 'edge', address: { host: '127.0.0.1', port: 8080 }, redirectPort: 8443 },
      {
        kind: 'edge',
        name: 'edge/tls',
        address: { host: '127.0.0.1', port: 8443 },
        tls: {
          certificates: [localCertificate],
          minVersion: '1.2',
          clientAuth: null,
          alpn: expect.arrayContaining(['http/1.1']),
        },
      },
    ])
  })

  it.each([
    [
      '{ certificates: [{ cert: no.pem, key: one-key.pem }] }',
      '7 gateway.tls.certificates[0].cert: there is no file "/app/no.pem"',
    ],
    [
      '{ certificates: [{ cert: one.pem, key: other-key.pem }] }',
      '7 gateway.tls.certificates[0].key: it is not the key of that certificate (CN=one) (name the two that were made together)',
    ],
    [
      '{ certificates: [{ cert: one-key.pem, key: one.pem }] }',
      '7 gateway.tls.certificates[0].cert: there is no certificate in PEM in it (it has a private key: the two may be swapped)',
    ],
    [
      '{ certificates: [{ cert: one.pem, key: one.pem }] }',
      '7 gateway.tls.certificates[0].key: there is no private key in PEM in it',
    ],
    ...['locked.pem', 'locked-ec.pem'].map((key): [string, string] => [
      `{ certificates: [{ cert: one.pem, key: ${key} }] }`,
      '7 gateway.tls.certificates[0].key: it is locked with a passphrase (openssl pkey -in KEY -out UNLOCKED writes one without)',
    ]),
    ['{ certificates: [{ cert: one.pem }] }', '7 gateway.tls.certificates[0].key: "key" is missing: expected a file'],
    [
      '{ certificates: [] }',
      '7 gateway.tls.certificates: expected at least one certificate; without the list it is the development certificate',
    ],
    ['{ client_auth: { ca: one-key.pem } }', '7 gateway.tls.client_auth.ca: there is no certificate in PEM in it'],
    ['{ min_version: 1.1 }', '7 gateway.tls.min_version: expected 1.2 or 1.3, got "1.1"'],
    [
      '{ port: 8080 }',
      '7 gateway.tls.port: the plain port of 127.0.0.1 is 8080 as well (give one of them another port)',
    ],
    [
      '{ port: 7700 }',
      '7 gateway.tls.port: the gateway and the control API both want port 7700 (give one of them another port)',
    ],
    [
      '{ port: 0, redirect: true }',
      '7 gateway.tls.redirect: nobody can be sent to a port that is not known yet (give "port" a number)',
    ],
    ['{ certificate: x }', '7 gateway.tls.certificate: unknown key "certificate" (did you mean "certificates"?)'],
    ['yes please', '7 gateway.tls: expected true or a map, got "yes please"'],
  ])('%s is a mistake', (tls, expected) => {
    expect(mistakesOf(tls)).toEqual([expected])
  })

  it('never shows a key in a mistake', () => {
    const said = mistakesOf(
      '{ certificates: [{ cert: one-key.pem, key: one-key.pem }], client_auth: { ca: one-key.pem } }',
    )
    expect(said.join()).not.toContain(one.key.split('\n')[1])
  })
})
