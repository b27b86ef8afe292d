import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { cipher, grpcMessage } from '../proxies.mjs'
import { expect, plain } from './variants.mjs'

const small = { name: 'GET 200 B', path: '/small' }
const shared = { ...small, connections: 4, streams: 32 }

/** A self-signed certificate and its key, each by itself and both in one file. */
export function makeCertificate(folder, kind) {
  const file = (name) => join(folder, `${kind}-${name}.pem`)
  const options = { ecdsa: ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'], rsa: ['rsa:2048'] }[kind]
  const args = ['req', '-x509', '-newkey', ...options, '-nodes', '-days', '2', '-subj', '/CN=localhost']
  execFileSync('openssl', [...args, '-keyout', file('key'), '-out', file('cert')], { stdio: 'ignore' })
  writeFileSync(file('both'), readFileSync(file('cert'), 'utf8') + readFileSync(file('key'), 'utf8'))
  return { cert: file('cert'), key: file('key'), pem: file('both') }
}

function withTls({ cert, key, pem }) {
  return {
    nginx: { tls: { cert, key } },
    haproxy: { tls: { pem } },
    pando: { tls: { cert, key } },
  }
}

/** All speak the same version with the same cipher, certificate and key exchange. */
function checkTls({ cert }) {
  return async ({ port }) => {
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
    await new Promise((done, reject) => socket.once('secureConnect', done).once('error', reject))
    const found = [socket.getProtocol(), socket.getCipher().name, socket.getEphemeralKeyInfo().name]
    const { fingerprint256 } = socket.getPeerCertificate()
    socket.destroy()
    const agreed = found.join(' ')
    expect(agreed === `TLSv1.3 ${cipher} X25519`, `it speaks ${agreed}`)
    expect(fingerprint256 === new X509Certificate(readFileSync(cert)).fingerprint256, 'it has another certificate')
  }
}

/** One exchange over HTTP/2: its status, what it brought, and its trailers. */
async function askHttp2(origin, headers, body) {
  const session = connectHttp2(origin, { rejectUnauthorized: false })
  try {
    return await new Promise((done, reject) => {
      const answer = { status: 0, body: Buffer.alloc(0), trailers: {} }
      session.once('error', reject)
      session
        .request(headers, { endStream: body === undefined })
        .on('response', (head) => (answer.status = head[':status']))
        .on('trailers', (fields) => (answer.trailers = fields))
        .on('data', (bytes) => (answer.body = Buffer.concat([answer.body, bytes])))
        .on('end', () => done(answer))
        .on('error', reject)
        .end(body)
    })
  } finally {
    session.destroy()
  }
}

const checkHttp2 =
  (scheme) =>
  async ({ http2Port }) => {
    const { status, body } = await askHttp2(`${scheme}://127.0.0.1:${http2Port}`, { ':path': '/small' })
    expect(status === 200 && body.length === 200, `${status} with ${body.length} bytes over HTTP/2`)
  }

export function tls(ecdsa, rsa) {
  const handshakes = { name: 'handshakes', kind: 'handshakes' }
  return {
    title: 'TLS 1.3',
    note:
      `${cipher}, X25519, the same certificates for all. A handshake is a full one, on a new connection that then asks nothing; ` +
      'it is measured by itself, in microseconds a connection.',
    scenario: small,
    features: [
      {
        name: '16 kept-alive connections',
        // With more, their handshakes would be a good part of a second's cost.
        scenario: { ...small, connections: 16, isSecure: true },
        withoutScenario: { ...small, connections: 16 },
        with: withTls(ecdsa),
        check: checkTls(ecdsa),
      },
      {
        name: 'handshake, ECDSA P-256',
        without: null,
        scenario: handshakes,
        with: withTls(ecdsa),
        check: checkTls(ecdsa),
      },
      { name: 'handshake, RSA 2048', without: null, scenario: handshakes, with: withTls(rsa), check: checkTls(rsa) },
    ],
  }
}

export function http2(ecdsa) {
  return {
    title: 'HTTP/2 to clients',
    note: 'Against HTTP/1.1 on 64 connections; over TLS against 32 streams without it. The service is asked over HTTP/1.1.',
    features: [
      {
        name: '4 connections of 32 streams',
        scenario: shared,
        withoutScenario: small,
        with: plain,
        check: checkHttp2('http'),
      },
      { name: '64 connections of one stream', scenario: { ...small, streams: 1 }, withoutScenario: small, with: plain },
      {
        name: '4 connections of 32 streams, over TLS',
        scenario: { ...shared, isSecure: true },
        withoutScenario: shared,
        with: withTls(ecdsa),
        check: checkHttp2('https'),
      },
    ],
  }
}

export function grpc(folder) {
  const bodyFile = join(folder, 'grpc-message')
  writeFileSync(bodyFile, grpcMessage)
  const call = { ...shared, name: 'gRPC', path: '/shop.Orders/Get', bodyFile, messageBytes: grpcMessage.length }
  const headers = { 'Content-Type': 'application/grpc', TE: 'trailers' }
  return {
    title: 'gRPC, unary',
    note:
      '100 bytes there and back, 4 connections of 32 streams, to a service of HTTP/2; against a POST of as much over HTTP/2 to a service of HTTP/1.1. ' +
      'An answer without its message, which is how gRPC says an error, is an error here.',
    features: [
      {
        name: 'unary call',
        scenario: { ...call, headers },
        withoutScenario: { ...shared, name: 'POST', bodyFile },
        with: {
          service: 'grpc',
          nginx: { pass: 'grpc' },
          haproxy: { server: 'proto h2' },
          pando: { protocol: 'grpc' },
        },
        async check({ http2Port }) {
          const head = { ':method': 'POST', ':path': call.path, 'content-type': 'application/grpc', te: 'trailers' }
          const { status, body, trailers } = await askHttp2(`http://127.0.0.1:${http2Port}`, head, grpcMessage)
          expect(status === 200 && trailers['grpc-status'] === '0', `${status}, grpc-status ${trailers['grpc-status']}`)
          expect(body.equals(grpcMessage), 'the message is not what the service sent')
        },
      },
    ],
  }
}

export const websocket = {
  title: 'WebSocket',
  note: 'A message of 125 bytes there and back on each of 32 connections, by itself, in microseconds an echo.',
  features: [
    {
      name: 'echo',
      without: null,
      scenario: { name: 'echo', kind: 'websocket', connections: 32 },
      with: {
        service: 'websocket',
        nginx: {
          connection: 'upgrade',
          adds: ['X-Forwarded-For $proxy_add_x_forwarded_for', 'X-Request-Id $request_id', 'Upgrade $http_upgrade'],
        },
        haproxy: {},
        pando: {},
      },
    },
  ],
}
