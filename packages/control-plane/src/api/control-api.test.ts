import { PandoError } from '@pando/model'
import type { PandoEvent, WatchMessage } from '@pando/model'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ControlClient } from './client.js'
import { ask, begin, serveFake, until } from './fixture.suite.js'
import type { Answer, Fixture } from './fixture.suite.js'

let fixture: Fixture
let client: ControlClient

beforeEach(async () => {
  fixture = await serveFake({ heartbeatMs: 30 })
  client = new ControlClient({ socketPath: fixture.socketPath })
})
afterEach(() => fixture.close())

/** Over the unix socket. */
function local(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
  const type = text === undefined ? {} : { 'content-type': 'application/json' }
  return ask({ socketPath: fixture.socketPath, method, path, headers: { ...type, ...headers } }, text)
}

async function rejection(promise: Promise<unknown>): Promise<PandoError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (error instanceof PandoError) return error
  throw new Error(`did not reject with a PandoError but ${String(error)}`)
}

async function takeAll<T>(items: AsyncIterable<T>): Promise<T[]> {
  const taken: T[] = []
  for await (const item of items) taken.push(item)
  return taken
}

async function take<T>(items: AsyncIterator<T>, count: number): Promise<T[]> {
  const taken: T[] = []
  while (taken.length < count) {
    const { value, done } = await items.next()
    if (done === true) throw new Error(`ended after ${taken.length}`)
    taken.push(value)
  }
  return taken
}

function messages(events: readonly PandoEvent[]): string[] {
  return events.map((event) => event.message)
}

const forever = new AbortController().signal

describe('the app', () => {
  test('the client speaks every operation', async () => {
    expect((await client.status()).name).toBe('shop')
    expect((await client.services()).map((service) => service.name)).toEqual(['users', 'orders'])
    expect((await client.service('orders')).name).toBe('orders')
    const request = { manifest: '/shop/pando.yaml', variables: { A: 'b' } }
    expect(await client.apply(request)).toEqual({ added: ['users'], changed: [], removed: [], unchanged: ['orders'] })
    await client.scale('users', 3)
    await client.sync('users', [{ source: '/a', target: '/b' }])
    await client.restart('users')
    await client.stop('users')
    await client.down()
    expect((await client.routes())[0]?.route.name).toBe('users/0')
    expect(await client.metrics()).toContain('up 1')
    expect(await client.health()).toEqual({ status: 'ok', version: '1.2.3' })
    expect(fixture.control.calls).toEqual([
      ['apply', request],
      ['scale', 'users', 3],
      ['sync', 'users', [{ source: '/a', target: '/b' }]],
      ['restart', 'users'],
      ['stop', 'users'],
      ['down'],
    ])
  })

  test('an error of the control plane arrives as it was thrown', async () => {
    const error = await rejection(client.start('usres'))
    expect([error.code, error.message, error.hint]).toEqual([
      'not_found',
      'there is no service "usres"',
      'did you mean "users"?',
    ])
    const diagnostics = [{ file: 'pando.yaml', line: 3, column: 5, path: 'services.x', message: 'unknown field' }]
    fixture.control.failure = new PandoError('manifest_invalid', 'one mistake', { diagnostics })
    const invalid = await rejection(client.apply({ manifest: '/x', variables: {} }))
    expect([invalid.code, invalid.diagnostics]).toEqual(['manifest_invalid', diagnostics])
    expect(fixture.faults).toEqual([])
  })

  test('a service that is not known is named with the nearest that is', async () => {
    const error = await rejection(client.service('user'))
    expect([error.code, error.hint]).toEqual(['not_found', 'did you mean "users"?'])
  })

  test('a fault of ours keeps its cause here and shows no stack there', async () => {
    const cause = new TypeError('x is not a function')
    fixture.control.failure = cause
    const answer = await local('GET', '/v1/app')
    expect(answer.status).toBe(500)
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(answer.text).not.toContain('at ')
    expect(fixture.faults.map((fault) => fault.cause)).toEqual([cause])
  })
})

describe('what is refused', () => {
  test.each([
    ['GET', '/v1/app?verbose=1', undefined, 'unknown parameter "verbose"', undefined],
    ['GET', '/v1/events?folow=true', undefined, 'unknown parameter "folow"', 'did you mean "follow"?'],
    ['GET', '/v1/events?follow=yes', undefined, 'query parameter follow', undefined],
    ['GET', '/v1/events?limit=10001', undefined, 'query parameter limit', undefined],
    ['GET', '/v1/registry/watch?since=nonsense', undefined, 'EPOCH:VERSION', undefined],
    ['POST', '/v1/services/users/scale', { replica: 2 }, 'unknown field "replica"', 'did you mean "replicas"?'],
    ['POST', '/v1/services/users/sync', { files: [{ source: 'a', target: '/b' }] }, 'an absolute path', undefined],
    ['POST', '/v1/services/users/scale', { replicas: -1 }, 'body replicas', undefined],
    ['POST', '/v1/services/users/scale', { replicas: 1.5 }, 'body replicas', undefined],
    ['POST', '/v1/services/users/scale', '{"replicas":', 'Malformed JSON', undefined],
    ['PUT', '/v1/app', { manifest: 'pando.yaml', variables: {} }, 'body manifest', undefined],
    [
      'PUT',
      '/v1/registry/services/users/endpoints/a',
      { address: { host: '127.0.0.1', prt: 1 }, ttl: 5 },
      'unknown field "prt"',
      'did you mean "port"?',
    ],
  ])('%s %s %o says: %s', async (method, path, body, message, hint) => {
    const answer = await local(method, path, body)
    expect(answer.status).toBe(400)
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(answer.json['code']).toBe('usage')
    expect(answer.json['title']).toContain(message)
    expect(answer.json['hint']).toBe(hint)
    expect(fixture.control.calls).toEqual([])
  })

  test('a body that is not said to be JSON', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
      const answer = await local('POST', '/v1/services/users/scale', { replicas: 1 }, { 'content-type': type })
      expect([answer.status, answer.json['code']]).toEqual([400, 'usage'])
    }
    expect(fixture.control.calls).toEqual([])
  })

  test('a body above the limit, with its length said or not', async () => {
    const body = JSON.stringify({ manifest: '/x', variables: { A: 'x'.repeat(1_100_000) } })
    expect((await local('PUT', '/v1/app', body)).json['code']).toBe('too_large')
    const chunked = await local('PUT', '/v1/app', body, { 'transfer-encoding': 'chunked' })
    expect([chunked.status, chunked.json['code']]).toEqual([413, 'too_large'])
    const small = { 'transfer-encoding': 'chunked' }
    expect((await local('POST', '/v1/services/users/scale', { replicas: 1 }, small)).status).toBe(202)
    expect(fixture.control.calls).toEqual([['scale', 'users', 1]])
  })

  test('paths and methods that are not there', async () => {
    for (const [method, path] of [
      ['GET', '/v2'],
      ['PATCH', '/v1/app'],
      ['POST', '/v1/app'],
    ] as const) {
      const answer = await local(method, path)
      expect([answer.status, answer.json['code']]).toEqual([404, 'not_found'])
      expect(answer.json['title']).toContain(`${method} ${path}`)
    }
    const head = await begin({ socketPath: fixture.socketPath, method: 'HEAD', path: '/v1/registry/watch' })
    expect(head.statusCode).toBe(400)
    head.destroy()
  })
})

describe('events and logs', () => {
  test('events are read, or followed, from where one says', async () => {
    for (const message of ['1', '2', '3'])
      fixture.events.emit({ kind: 'fault', service: message === '2' ? 'b' : 'a', message })
    const query = { after: null, limit: 2, service: null, follow: false }
    expect(messages(await takeAll(client.events(query, forever)))).toEqual(['2', '3'])
    expect(messages(await takeAll(client.events({ ...query, after: 0 }, forever)))).toEqual(['1', '2'])
    expect(messages(await takeAll(client.events({ ...query, service: 'a' }, forever)))).toEqual(['1', '3'])

    const abort = new AbortController()
    const following = client.events({ ...query, follow: true }, abort.signal)
    expect(messages(await take(following, 2))).toEqual(['2', '3'])
    fixture.events.emit({ kind: 'fault', message: '4' })
    expect(messages(await take(following, 1))).toEqual(['4'])
    const rest = takeAll(following)
    abort.abort()
    expect(await rest).toEqual([])
    const resumed = client.events({ ...query, after: 1, follow: true }, forever)
    expect(messages(await take(resumed, 3))).toEqual(['2', '3', '4'])
    await resumed.return()
  })

  test('logs pass their query on, and end when all is read', async () => {
    const query = { services: ['users', 'orders'], since: 5, tail: 10, follow: false }
    expect((await takeAll(client.logs(query, forever))).map((line) => line.line)).toEqual(['one', 'two'])
    expect(fixture.control.calls).toEqual([['logs', query]])
    expect(fixture.control.openLogs).toBe(0)
    const unknown = await rejection(takeAll(client.logs({ ...query, services: ['usrs'] }, forever)))
    expect([unknown.code, unknown.hint]).toEqual(['not_found', 'did you mean "users"?'])
  })

  test('a failure under way reaches the reader as what it was', async () => {
    const reading = client.logs({ services: [], since: null, tail: null, follow: false }, forever)
    const first = await reading.next()
    expect(first.done).toBe(false)
    fixture.control.lines = (function* () {
      yield 'one'
      fixture.control.failure = new PandoError('unavailable', 'the disk is gone')
      yield 'two'
    })()
    const error = await rejection(
      takeAll(client.logs({ services: [], since: null, tail: null, follow: false }, forever)),
    )
    expect([error.code, error.message]).toEqual(['unavailable', 'the disk is gone'])
    await reading.return()
  })

  test('a reader that stops reading stops the writer, and one that goes ends it', async () => {
    let made = 0
    fixture.control.lines = (function* () {
      for (; made < 1_000_000; made++) yield 'x'.repeat(1_000)
    })()
    const response = await begin({ socketPath: fixture.socketPath, path: '/v1/logs?follow=true' })
    response.pause()
    let before = -1
    while (before !== made) {
      before = made
      await new Promise((resolve) => setTimeout(resolve, 150))
    }
    // What fits in the buffers of two sockets, and no more: a thousandth of all there is, or so.
    expect(made).toBeGreaterThan(0)
    expect(made).toBeLessThan(50_000)
    expect(fixture.control.openLogs).toBe(1)
    response.destroy()
    await until(() => fixture.control.openLogs === 0)
  })

  test('followers that go leave nothing behind', async () => {
    fixture.control.lines = []
    for (let i = 0; i < 20; i++) {
      const response = await begin({ socketPath: fixture.socketPath, path: '/v1/logs?follow=true' })
      await until(() => fixture.control.openLogs === 1)
      response.destroy()
      await until(() => fixture.control.openLogs === 0)
    }
    expect(fixture.control.calls.length).toBe(20)
  })
})

describe('the registry, by hand', () => {
  const path = '/v1/registry/services/users/endpoints/u1'
  const registration = { address: { host: '127.0.0.1', port: 5001 }, ttl: 30 }

  test('register, look up, renew, deregister', async () => {
    const put = await local('PUT', path, registration)
    expect(put.status).toBe(200)
    expect(put.json['endpoint']).toMatchObject({ id: 'u1', service: 'users', state: 'healthy', source: 'self' })
    expect(put.json['expiresAt']).toBeGreaterThan(Date.now())
    expect(JSON.parse((await local('GET', '/v1/registry/services')).text)).toEqual([
      { name: 'users', endpoints: 1, healthy: 1 },
    ])
    expect(JSON.parse((await local('GET', '/v1/registry/services/users')).text)).toEqual([put.json['endpoint']])
    expect((await local('POST', `${path}/renew`)).status).toBe(200)
    expect((await local('DELETE', path)).status).toBe(204)
    expect((await local('DELETE', path)).json['code']).toBe('not_found')
    expect((await local('POST', `${path}/renew`)).json['hint']).toContain('register it again')
    expect((await local('GET', '/v1/registry/services/users')).text).toBe('[]')
  })

  test('the client does the same', async () => {
    const lease = await client.register('users', 'u1', registration)
    expect(await client.endpoints('users')).toEqual([lease.endpoint])
    expect(await client.registryServices()).toEqual([{ name: 'users', endpoints: 1, healthy: 1 }])
    expect((await client.renew('users', 'u1')).endpoint).toEqual(lease.endpoint)
    await client.deregister('users', 'u1')
    expect((await rejection(client.renew('users', 'u1'))).code).toBe('not_found')
  })

  test('a watch begins with a snapshot, tells every change, and beats', async () => {
    const watch = client.watchRegistry({}, forever)
    const [snapshot] = await take<WatchMessage>(watch, 1)
    expect(snapshot).toMatchObject({ type: 'snapshot', version: 0, endpoints: [] })
    await client.register('users', 'u1', registration)
    const heard: WatchMessage[] = []
    while (!heard.some((message) => message.type === 'change')) heard.push(...(await take<WatchMessage>(watch, 1)))
    expect(heard.at(-1)).toMatchObject({ from: 0, version: 1, removed: [] })
    while (heard.at(-1)?.type !== 'heartbeat') heard.push(...(await take<WatchMessage>(watch, 1)))
    expect(heard.at(-1)).toEqual({ type: 'heartbeat', version: 1 })
    await watch.return()

    const since = `${fixture.registry.epoch}:0`
    const resumed = client.watchRegistry({ since, service: 'users' }, forever)
    expect(await take<WatchMessage>(resumed, 1)).toMatchObject([{ type: 'change', from: 0, version: 1 }])
    await resumed.return()
  })

  test('watchers that go, in the middle or before the first word, make room again', async () => {
    await fixture.close()
    fixture = await serveFake({ watchers: 1, heartbeatMs: 30 })
    const open = () => begin({ socketPath: fixture.socketPath, path: '/v1/registry/watch' })
    for (let i = 0; i < 10; i++) {
      let response = await open()
      while (response.statusCode !== 200) {
        expect(response.statusCode).toBe(429)
        response.destroy()
        response = await open()
      }
      if (i % 2 === 0) await new Promise((resolve) => response.once('data', resolve))
      response.destroy()
    }
  })

  test('a gateway’s watch waits for its configuration, counts it as live, and its reports are heard', async () => {
    const response = await begin({ socketPath: fixture.socketPath, path: '/v1/gateway/watch?gateway=g1' })
    await until(() => fixture.registry.gateways().length === 1)
    const { epoch } = fixture.registry
    const report = {
      gateway: 'g1',
      pid: 7,
      epoch,
      applied: 0,
      workers: 2,
      draining: {},
      listenerErrors: { edge: 'taken' },
    }
    expect((await local('POST', '/v1/gateway/report', report)).status).toBe(204)
    expect(fixture.registry.gateways()).toMatchObject([{ gateway: 'g1', watches: 1, report }])
    expect((await local('POST', '/v1/gateway/report', { ...report, aplied: 1 })).json['hint']).toBe(
      'did you mean "applied"?',
    )
    response.destroy()
    await until(() => fixture.registry.gateways()[0]?.watches === 0)
  })
})
