import { connect } from 'node:net'
import {
  CompiledEdit,
  HttpDataPlane,
  Policies,
  type PolicyKind,
  type PolicyRequest,
  type RoutePolicy,
  type Verdict,
} from '@pando/gateway'
import { describe, expect, it } from 'vitest'
import { answering, endpoint, eventually, exchange, rawServer, serve } from './plane.js'

const get =
  'GET /a?b=1 HTTP/1.1\r\nHost: Example.org:80\r\nX-Who: mallory\r\nX-Two: 1\r\nX-Two: 2\r\nConnection: close\r\n\r\n'
const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-From: service\r\n\r\nok'

const noop = (): void => {}

type Check = (request: PolicyRequest) => Verdict | Promise<Verdict>

function policy(name: string, phase: RoutePolicy['phase'], check: Check): RoutePolicy {
  return { name, phase, check }
}

/** A gateway whose one route has these policies, and the heads that its service was sent. */
async function serveWith(...policies: RoutePolicy[]) {
  const heads: string[] = []
  const upstream = await rawServer(
    answering((text) => {
      heads.push(text)
      return ok
    }),
  )
  const kind: PolicyKind = { configure: noop, of: () => policies, close: noop }
  const troubles: string[] = []
  const plane = new HttpDataPlane({
    policies: new Policies([kind]),
    onTrouble: (message) => troubles.push(message),
  })
  const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] }, plane)
  return { port, heads, troubles, plane }
}

const edit = (dropped: string[], lines: string) =>
  new CompiledEdit(
    dropped.map((name) => Buffer.from(name)),
    Buffer.from(lines),
  )

describe('policies of a route', () => {
  it('see the request as it will go upstream, in the order of their phases', async () => {
    const seen: unknown[] = []
    const { port } = await serveWith(
      policy('second', 'limit', (request) => {
        seen.push(
          request.header('x-two'),
          request.headerCount('x-two'),
          request.header('x-three'),
          request.identity?.subject,
        )
        return null
      }),
      policy('first', 'authenticate', (request) => {
        seen.push(request.method, request.host, request.path, request.query, request.clientAddress)
        request.identity = { kind: 'test', subject: 'ann' }
        return null
      }),
    )
    expect(await exchange(port, get)).toMatch(/ok$/)
    expect(seen).toEqual(['GET', 'example.org', '/a', 'b=1', '127.0.0.1', '1, 2', 2, null, 'ann'])
  })

  it.each([
    ['at once', (verdict: Verdict) => verdict],
    [
      'after a while',
      async (verdict: Verdict) => {
        await new Promise((resolve) => setImmediate(resolve))
        return verdict
      },
    ],
  ])('edit both heads %s, the later one having the last word', async (_, decide) => {
    const { port, heads } = await serveWith(
      policy('a', 'cors', () =>
        decide({ request: edit(['x-who'], 'X-Who: a\r\nX-Also: a\r\n'), response: edit([], 'X-Seen: a\r\n') }),
      ),
      policy('b', 'limit', () =>
        decide({ request: edit(['x-who'], 'X-Who: b\r\n'), response: edit(['x-from'], 'X-From: gateway\r\n') }),
      ),
    )
    const answer = await exchange(port, get)
    expect(answer).toContain('\r\nX-Seen: a\r\n')
    expect(answer).toContain('\r\nX-From: gateway\r\n')
    expect(answer).not.toContain('X-From: service')
    expect(heads).toHaveLength(1)
    expect(heads[0]?.match(/^X-(Who|Also): .*$/gm)).toEqual(['X-Also: a', 'X-Who: b'])
  })

  it('keep the rest of the request whole while they wait, body and pipelined requests too', async () => {
    let release: () => void = noop
    const released = new Promise<null>((resolve) => (release = () => resolve(null)))
    let asked = 0
    const { port, heads } = await serveWith(policy('slow', 'external', () => (++asked === 1 ? released : null)))
    const first = 'POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello'
    const answer = exchange(port, first + get)
    await eventually(() => asked === 1)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(heads).toEqual([])
    release()
    expect((await answer).match(/HTTP\/1\.1 200/g)).toHaveLength(2)
    expect(heads[0]).toMatch(/^POST \/one [^]*\r\nContent-Length: 5\r\n/)
    // What the service reads as a head begins where the last one ended.
    expect(heads[1]).toMatch(/^helloGET \/a\?b=1 /)
  })

  it('answer by themselves: nothing reaches the service, and what they add is on the answer', async () => {
    const { port, heads } = await serveWith(
      policy('cors', 'cors', () => ({ response: edit([], 'Vary: Origin\r\n') })),
      policy('login', 'authenticate', async () => ({
        answer: {
          kind: 'problem',
          reason: 'no_route',
          detail: 'No.',
          headers: [['WWW-Authenticate', 'Bearer\r\nX-Evil: 1']],
        },
      })),
    )
    const answer = await exchange(port, get)
    expect(answer).toMatch(/^HTTP\/1\.1 404 /)
    expect(answer).toContain('\r\nVary: Origin\r\n')
    expect(answer).toContain('\r\nWWW-Authenticate: BearerX-Evil: 1\r\n')
    expect(heads).toEqual([])
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('broken')
      },
    ],
    ['is rejected', () => Promise.reject(new Error('broken'))],
  ])('deny when one %s, and the cause is told', async (_, check) => {
    const { port, heads, troubles } = await serveWith(policy('p', 'authorize', check as Check))
    const answer = await exchange(port, get)
    expect(answer).toMatch(/^HTTP\/1\.1 503 [^]*"reason":"policy_failed"/)
    expect(answer).not.toContain('broken')
    expect(heads).toEqual([])
    expect(troubles).toEqual(['route web/0: policy p failed: Error: broken'])
  })

  it('deny everything when a kind of them cannot be made', async () => {
    const kind: PolicyKind = {
      configure: noop,
      of: () => {
        throw new Error('no such authenticator')
      },
      close: noop,
    }
    const { port } = await serve({ endpoints: [] }, new HttpDataPlane({ policies: new Policies([kind]) }))
    expect(await exchange(port, get)).toMatch(/^HTTP\/1\.1 503 [^]*"reason":"policy_failed"/)
  })

  it('are forgotten when the client goes while they wait', async () => {
    let release: () => void = noop
    let asked = false
    const decide = (): Promise<null> => {
      asked = true
      return new Promise((resolve) => (release = () => resolve(null)))
    }
    const { port, heads, plane } = await serveWith(policy('slow', 'external', decide))
    const socket = connect(port, '127.0.0.1')
    socket.write(get)
    await eventually(() => asked)
    socket.resetAndDestroy()
    await eventually(() => plane.connections === 0)
    release()
    await new Promise((resolve) => setImmediate(resolve))
    expect(heads).toEqual([])
  })
})
