import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { PandoError } from '@pando/model'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ControlClient } from './client.js'
import { ask, begin, serveFake } from './fixture.suite.js'
import type { Answer, Fixture } from './fixture.suite.js'
import { findPortHolder, listeningInodes } from '../ports/port-holder.js'
import { serveControlApi } from './server.js'
import type { ControlApiServer } from './server.js'
import { createControlApi } from './control-api.js'
import type { Api } from './operation.js'

let fixture: Fixture
let folder: string
const opened: (ControlApiServer | Server)[] = []

beforeEach(async () => {
  fixture = await serveFake()
  folder = mkdtempSync(join(tmpdir(), 'pando-serve-'))
})
afterEach(async () => {
  for (const server of opened.splice(0)) await server.close()
  await fixture.close()
  rmSync(folder, { recursive: true, force: true })
})

const app = (): Api =>
  createControlApi({
    jobs: undefined as never,
    keys: undefined as never,
    control: fixture.control,
    registry: fixture.registry,
    events: fixture.events,
    version: '0',
  })

async function serve(socketPath: string, port = 0): Promise<ControlApiServer> {
  const server = await serveControlApi({ app: app(), socketPath, token: 't' })
  await server.listen({ host: '127.0.0.1', port })
  opened.push(server)
  return server
}

function remote(path: string, headers: Record<string, string>): Promise<Answer> {
  const { host, port } = fixture.server.address!
  return ask({ host, port, path, headers })
}

async function rejection(promise: Promise<unknown>): Promise<PandoError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (error instanceof PandoError) return error
  throw new Error(`did not reject with a PandoError but ${String(error)}`)
}

describe('over TCP', () => {
  test('the right token is let in, nothing else is', async () => {
    const right = `Bearer ${fixture.token}`
    expect((await remote('/v1/app', { authorization: right })).status).toBe(200)
    expect((await remote('/v1/app', { authorization: `bearer  ${fixture.token} ` })).status).toBe(200)
    const wrong = [
      {},
      { authorization: 'Bearer' },
      { authorization: `Bearer ${fixture.token}x` },
      { authorization: `Basic ${fixture.token}` },
    ]
    for (const headers of wrong) {
      const answer = await remote('/v1/app', headers as Record<string, string>)
      expect([answer.status, answer.json['code']]).toEqual([401, 'unauthorized'])
      expect(answer.headers['www-authenticate']).toContain('Bearer')
    }
    expect((await remote('/healthz', {})).status).toBe(200)
    expect((await remote('/openapi.json', {})).status).toBe(401)
    const { host, port } = fixture.server.address!
    expect((await new ControlClient({ host, port, token: fixture.token }).status()).name).toBe('shop')
    expect((await rejection(new ControlClient({ host, port, token: 'x' }).status())).code).toBe('unauthorized')
  })

  test.each(['localhost', 'LOCALHOST:1', '127.0.0.1:7700', '[::1]:80', '[::1]'])(
    'answers to the host %s',
    async (host) => {
      expect((await remote('/healthz', { host })).status).toBe(200)
    },
  )

  test.each([
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example:7700',
    '0.0.0.0',
    'localhost:1:2',
    '[::2]',
  ])('does not answer to the host %s, with a token or not', async (host) => {
    const answer = await remote('/v1/app', { host, authorization: `Bearer ${fixture.token}` })
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(answer.status).toBeLessThan(404)
    expect(answer.text).not.toContain('shop')
  })

  test('pages of others are refused, our own are not', async () => {
    const authorization = `Bearer ${fixture.token}`
    for (const origin of ['http://evil.example', 'null', 'http://localhost.evil.example', 'file://']) {
      expect((await remote('/v1/app', { authorization, origin })).status).toBe(403)
    }
    const { port } = fixture.server.address!
    expect((await remote('/v1/app', { authorization, origin: `http://localhost:${port}` })).status).toBe(200)
  })

  test('a taken port names who holds it, and the unix socket goes on answering', async () => {
    const holder = createServer()
    opened.push(holder)
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
    const { port } = holder.address() as AddressInfo
    const path = join(folder, 'c.sock')
    const server = await serve(path)
    const error = await rejection(server.listen({ host: '127.0.0.1', port }))
    expect(error.code).toBe('port_taken')
    expect(error.message).toContain(`127.0.0.1:${port}`)
    expect(error.message).toContain(`(pid ${process.pid})`)
    expect(error.hint).toContain('api.port')
    expect((await new ControlClient({ socketPath: path }).health()).status).toBe('ok')
    expect(await findPortHolder(port)).toMatchObject({ pid: process.pid })
  })
})

describe('on the unix socket', () => {
  test('needs no token and cares for no host name', async () => {
    const answer = await ask({ socketPath: fixture.socketPath, path: '/v1/app', headers: { host: 'anything.example' } })
    expect(answer.status).toBe(200)
  })

  test('is its owner’s alone, and leaves nothing beside it', async () => {
    expect(statSync(fixture.socketPath).mode & 0o777).toBe(0o600)
    const names = spawnSync('ls', ['-A', join(fixture.socketPath, '..')], { encoding: 'utf8' }).stdout.trim()
    expect(names).toBe('control.sock')
  })

  test('one that is answered is not taken away; a stale one is replaced; a file is left alone', async () => {
    const path = join(folder, 'c.sock')
    const first = await serve(path)
    const refused = await rejection(serve(path))
    expect([refused.code, refused.message]).toEqual(['conflict', `another control plane answers on ${path}`])
    expect((await new ControlClient({ socketPath: path }).health()).status).toBe('ok')
    await first.close()
    expect(existsSync(path)).toBe(false)

    // A socket whose process has ended without a word.
    spawnSync(process.execPath, [
      '-e',
      `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`,
    ])
    expect(statSync(path).isSocket()).toBe(true)
    await serve(path)
    expect((await new ControlClient({ socketPath: path }).health()).status).toBe('ok')

    const file = join(folder, 'file')
    writeFileSync(file, 'precious')
    expect((await rejection(serve(file))).code).toBe('conflict')
    expect(readFileSync(file, 'utf8')).toBe('precious')
  })

  test('a path too long for a socket works all the same, and control.addr says where it is', async () => {
    const deep = join(folder, 'd'.repeat(120))
    mkdirSync(deep)
    const path = join(deep, 'control.sock')
    const server = await serve(path)
    expect(server.socketPath.length).toBeLessThan(100)
    expect(readFileSync(join(deep, 'control.addr'), 'utf8').trim()).toBe(server.socketPath)
    expect(statSync(join(server.socketPath, '..')).mode & 0o777).toBe(0o700)
    expect((await new ControlClient({ socketPath: path }).health()).status).toBe('ok')
    expect((await new ControlClient({ socketPath: server.socketPath }).health()).status).toBe('ok')
    await server.close()
    expect(existsSync(server.socketPath)).toBe(false)
    expect(existsSync(join(deep, 'control.addr'))).toBe(false)
  })

  test('closing ends streams, and the next one may listen', async () => {
    const path = join(folder, 'c.sock')
    const server = await serve(path)
    const response = await begin({ socketPath: path, path: '/v1/registry/watch' })
    const ended = new Promise((resolve) => response.once('end', resolve).resume())
    await server.close()
    await ended
    expect(response.complete).toBe(true)
    await serve(path)
  })

  test('without one, the client says that nobody is there', async () => {
    const error = await rejection(new ControlClient({ socketPath: join(folder, 'none.sock') }).status())
    expect([error.code, error.hint]).toEqual(['unavailable', 'Start it with `pando up`.'])
    const tcp = await rejection(new ControlClient({ host: '127.0.0.1', port: 1, token: 't' }).status())
    expect(tcp.code).toBe('unavailable')
  })

  test('a folder that others can enter keeps the socket at its own mode', async () => {
    chmodSync(folder, 0o777)
    const path = join(folder, 'c.sock')
    const before = process.umask(0)
    try {
      await serve(path)
    } finally {
      process.umask(before)
    }
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })
})

test('listening sockets are told from others on the same port', () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1E14 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0 100 0 0 10 0
   1: 0100007F:1E14 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 222 1 0 100 0 0 10 0
   2: 00000000000000000000000001000000:1E14 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 333 1 0
   3: 0100007F:1E15 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 444 1 0 100 0 0 10 0
`
  expect(listeningInodes(table, 7700)).toEqual(['111', '333'])
})
