import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { freePorts } from '../support/free-ports.js'
import { Http2Load } from '../support/http2-load.js'
import { TemporaryApp } from '../support/temporary-app.js'

/** Answers with the path that it was asked for, and says in a header what it is; ends when its requests have. */
const program = (word: string) => `import { createServer } from 'node:http'
const server = createServer((request, response) => {
  request.resume()
  request.on('end', () => response.writeHead(200, { 'x-word': '${word}' }).end(request.url))
})
server.listen(process.env.PORT, process.env.HOST)
process.on('SIGTERM', () => server.close())
`

const service = `
  echo:
    build:
      context: ./shown
      command: echo built
    command: exec node main.mjs
    replicas: 2
    rollout: { min_healthy_time: 0s }
    routes: [/]`

let app: TemporaryApp
let port: number
let authority: string

beforeAll(async () => {
  authority = mkdtempSync(join(tmpdir(), 'pando-authority-'))
  ;[port] = (await freePorts(1)) as [number]
  app = await TemporaryApp.create(service, { gateway: `  workers: 2\n  tls: { port: ${port} }` })
  app.environment['PANDO_CA_DIR'] = join(authority, 'ca')
  mkdirSync(app.file('shown'))
  writeFileSync(app.file('shown/main.mjs'), program('one'))
  await app.up()
}, 120_000)

afterAll(async () => {
  await app?.dispose()
  rmSync(authority, { recursive: true, force: true })
}, 60_000)

test('clients of HTTP/2 over TLS notice nothing of a deploy and of a restart', { timeout: 120_000 }, async () => {
  const ca = readFileSync(join(authority, 'ca/ca.pem'), 'utf8')
  const load = new Http2Load(`https://localhost:${port}`, { connections: 2, streams: 4, ca })
  await until('the load runs', () => load.answered > 50)
  writeFileSync(app.file('shown/main.mjs'), program('two'))
  expect(await app.run('deploy', 'echo')).toMatchObject({ code: 0 })
  await until('the new code serves', async () => (await app.fetch('/')).headers['x-word'] === 'two')
  expect(await app.run('restart', 'echo')).toMatchObject({ code: 0 })
  const { answered } = load
  await until('the load goes on', () => load.answered > answered + 50)
  await load.stop()
  expect(load.failed).toEqual([])
  // No connection had to be left for it.
  expect([load.sessions, load.refused]).toEqual([2, 0])
})
