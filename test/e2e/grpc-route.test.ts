import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { TemporaryApp } from '../support/temporary-app.js'

const program = join(fileURLToPath(import.meta.url), '../../support/programs/grpc/named.mjs')

const service = (name: string): string => `
  ${name}:
    build: { context: ./echo, kind: none }
    command: [node, ${program}]
    protocol: grpc
    environment: { VERSION: ${name} }`

const documents = `apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: calls }
spec:
  rules:
    - matches: [{ method: { service: pando.test.Echo, method: Unary } }]
      backendRefs: [{ name: red, port: 50051 }]
    - matches: [{ method: { service: pando.test.Echo } }]
      backendRefs: [{ name: green, port: 50051 }]
    - matches: [{ method: { method: Find } }]
      backendRefs: [{ name: blue, port: 50051 }]
    - matches:
        - method: { service: pando.test.Other, method: Unary }
          headers: [{ name: tenant, value: blue }]
      backendRefs: [{ name: blue, port: 50051 }]
`

let app: TemporaryApp
let client: Client

beforeAll(async () => {
  app = await TemporaryApp.create(service('red') + service('green') + service('blue'), {
    gateway: '  workers: 1\n  route_files: [calls.yaml]',
  })
  writeFileSync(app.file('calls.yaml'), documents)
  await app.up()
  client = new Client(`127.0.0.1:${app.gatewayPort}`, credentials.createInsecure())
}, 120_000)

afterAll(async () => {
  client?.close()
  await app?.dispose()
}, 60_000)

const same = (bytes: Buffer): Buffer => bytes

/** Who answers, or the code of the error. */
function call(path: string, tenant = 'none'): Promise<string | number> {
  const metadata = new Metadata()
  metadata.set('tenant', tenant)
  const options = { deadline: Date.now() + 20_000 }
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      path,
      same,
      same,
      Buffer.from('x'),
      metadata,
      options,
      (error: ServiceError | null, answer) => resolve(error === null ? String(answer) : error.code),
    )
  })
}

it.each([
  ['/pando.test.Echo/Unary', 'none', 'red'],
  ['/pando.test.Echo/Rest', 'none', 'green'],
  // The service goes before the method.
  ['/pando.test.Echo/Find', 'none', 'green'],
  ['/pando.test.Other/Find', 'none', 'blue'],
  ['/pando.test.Other/Unary', 'blue', 'blue'],
  ['/pando.test.Other/Unary', 'none', status.UNIMPLEMENTED],
  ['/pando.test.Other/Rest', 'none', status.UNIMPLEMENTED],
])('a call of %s by tenant %s goes to %s', async (path, tenant, expected) => {
  expect(await call(path, tenant)).toBe(expected)
})

it('a request with the path of a call that is none matches no route', async () => {
  expect((await app.fetch('/pando.test.Echo/Unary', { method: 'POST', body: 'x' })).status).toBe(404)
})
