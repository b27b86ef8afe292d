import type { LoggedRequest, Moment, RouteStatus, ServiceStatus } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { explainRequest } from './explain-request.js'

function explain(over: Partial<LoggedRequest>, timeline: readonly Moment[] = [], routes: readonly RouteStatus[] = []) {
  const request: LoggedRequest = {
    id: 'abc',
    at: 100_000,
    method: 'GET',
    host: 'localhost',
    path: '/users/1',
    status: 200,
    grpcStatus: '',
    durationMs: 12.4,
    route: 'users/0',
    service: 'users',
    endpoint: 'users-0-a',
    revision: '',
    reason: '',
    isCut: false,
    retries: 0,
    ...over,
  }
  const service = {
    name: 'users',
    revision: 'r7',
    instances: [{ id: 'users-0-a', revision: 'r7' }],
  } as unknown as ServiceStatus
  return explainRequest({ request, timeline, routes, service })
}

const crash: Moment = {
  at: 100_400,
  kind: 'instance.failed',
  service: 'users',
  instance: 'users-0-a',
  text: 'users-0-a has ended: exit code 3',
  lines: ['bye'],
}

const route = {
  route: { matches: [{ path: { type: 'prefix', value: '/users' } }] },
  healthy: 1,
} as unknown as RouteStatus

describe('explainRequest', () => {
  it('names the revision that was asked, also when its instance is gone', () => {
    const found = explain({ endpoint: 'users-0-gone', revision: 'r6', status: 500, retries: 1 })
    expect(found.revision).toBe('r6')
    expect(found.verdict).toContain('users-0-gone ran revision r6; users is at r7 now. It was sent 2 times in all')
    expect(explain({ revision: 'r7' }).verdict).not.toContain('ran revision')
  })

  it('says what a route asked of whoever called', () => {
    const auth = { anyOf: ['users', 'keys'], scopes: ['write'], claims: [] }
    const guarded = { route: { name: 'users/0', matches: [], auth }, healthy: 1 } as unknown as RouteStatus
    expect(explain({ reason: 'unauthenticated', status: 401, endpoint: '' }, [], [guarded])).toMatchObject({
      verdict: expect.stringContaining('needs a credential (users or keys, write)') as unknown,
      next: expect.stringContaining('expired token') as unknown,
    })
    expect(explain({ reason: 'forbidden', status: 403, endpoint: '' }, [], [route]).verdict).toContain(
      'not enough for the route users/0, so the gateway answered 403',
    )
  })

  it('has nothing to do about a success, and names its revision', () => {
    expect(explain({}, [crash])).toMatchObject({
      verdict: 'users-0-a itself answered 200; the gateway passed that on after 12 ms.',
      next: '',
      revision: 'r7',
    })
  })

  it('tells a call of gRPC in its own words', () => {
    const sick = explain({ status: 503, grpcStatus: 'UNAVAILABLE' })
    expect(sick.verdict).toBe('users-0-a itself answered UNAVAILABLE; the gateway passed that on after 12 ms.')
    expect(sick.next).toContain('pando logs users')
    expect(explain({ status: 404, grpcStatus: 'NOT_FOUND' })).toMatchObject({
      verdict: expect.stringContaining('answered NOT_FOUND') as unknown,
      next: '',
    })
    expect(
      explain({ status: 503, grpcStatus: 'UNAVAILABLE', reason: 'no_healthy_endpoint', endpoint: '' }).verdict,
    ).toContain('so the gateway answered UNAVAILABLE after 12 ms')
  })

  it('calls a slow success slow', () => {
    const found = explain({ durationMs: 4_000 })
    expect(found.verdict).toContain('That is slow: it took 4000 ms')
    expect(found.next).toContain('pando logs users')
  })

  it('tells a 502 with the crash that came with it', () => {
    expect(explain({ status: 502, reason: 'upstream_closed' }, [crash]).verdict).toBe(
      'users-0-a closed the connection before its answer was whole, so the gateway answered 502 after 12 ms. ' +
        '0.4 s after it ended: users-0-a has ended: exit code 3. Its last line was "bye".',
    )
  })

  it('tells a refused connection and its attempts', () => {
    const { verdict } = explain({ status: 503, reason: 'connect_failed', retries: 2 })
    expect(verdict).toContain('No connection to users-0-a could be opened, so the gateway answered 503')
    expect(verdict).toContain('sent 3 times in all')
  })

  it('tells a 503 in the middle of a deploy', () => {
    const deploy: Moment = { ...crash, at: 99_000, kind: 'deployment.started', instance: null, text: 'r8 is deployed' }
    const found = explain({ status: 503, reason: 'no_healthy_endpoint', endpoint: '' }, [deploy])
    expect(found.verdict).toContain('No instance of users was healthy')
    expect(found.verdict).toContain('1.0 s before it ended: r8 is deployed.')
    expect(found.next).toContain('pando why users')
    expect(found.revision).toBeNull()
  })

  it('tells a 504', () => {
    expect(explain({ status: 504, reason: 'upstream_timeout' }).verdict).toContain('did not answer in the time')
  })

  it('names the nearest route of a 404 that the gateway gave, and not of one that the service gave', () => {
    const none = { status: 404, reason: 'no_route', path: '/user', route: '', service: '', endpoint: '' }
    expect(explain(none, [], [route]).verdict).toBe(
      'No route matched GET localhost/user, so the gateway answered by itself. The nearest path that a route has now is /users.',
    )
    expect(explain({ ...none, path: '/zebra' }, [], [route]).verdict).not.toContain('nearest')
    expect(explain({ status: 404 }, [], [route]).verdict).toContain('users-0-a itself answered 404')
  })

  it('tells a client that went away and an answer that broke off', () => {
    expect(explain({ status: 0 }).verdict).toContain('the connection to the client ended first')
    expect(explain({ isCut: true }).verdict).toContain('the log does not say which side ended it')
  })

  it('gives the gateway’s other reasons by their names', () => {
    expect(explain({ status: 413, reason: 'body_too_large' }).verdict).toBe(
      'The gateway answered 413 for users by itself after 12 ms, for the reason body_too_large.',
    )
  })
})
