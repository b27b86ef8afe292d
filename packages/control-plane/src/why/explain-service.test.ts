import type { Deployment, EventKind, PandoEvent, ServiceStatus } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { explainService, type ServiceFacts } from './explain-service.js'
import { timelineOf } from './timeline.js'

function status(name: string, over: Partial<ServiceStatus>): ServiceStatus {
  const common = { protocol: 'http', revision: 'r2', replicas: 1, healthy: 0, address: null, routes: [], instances: [] }
  return { name, state: 'failed', reason: '', ...common, ...over } as ServiceStatus
}

let seq = 0
function event(at: number, kind: EventKind, message: string = kind, instance: string | null = null): PandoEvent {
  return { seq: ++seq, at, kind, service: 'users', instance, message }
}

function deployment(over: Partial<Deployment>): Deployment {
  const rest = { at: 1, by: 'deploy', result: 'healthy', reason: '', settledAt: null } as const
  return { number: 1, service: 'users', revision: 'r2', ...rest, ...over }
}

function facts(service: ServiceStatus, over: Partial<ServiceFacts> = {}): ServiceFacts {
  return {
    service,
    services: new Map(),
    gatewayErrors: [],
    events: [],
    deployments: [],
    lines: new Map(),
    since: null,
    limit: 50,
    ...over,
  }
}

const waitingFor = (name: string, service: string): ServiceStatus =>
  status(name, { state: 'waiting', reason: 'It waits.', waitsFor: { kind: 'service', service } })

describe('explainService', () => {
  it('says since when all is well', () => {
    const service = status('users', { state: 'ready', healthy: 2, replicas: 2 })
    const events = [event(5, 'instance.started'), event(9, 'instance.healthy')]
    expect(explainService(facts(service, { events }))).toMatchObject({
      verdict: 'users is ready: 2 of 2 instances are healthy, on revision r2.',
      since: 9,
      next: '',
      causes: [],
    })
  })

  it('says what the gateway keeps from a service that is ready', () => {
    const ejected = [{ instance: 'users-0', error: 'a status of 503' }]
    const withheld = { ejected, openCircuits: 1, workers: 2 }
    const { verdict, next } = explainService(facts(status('users', { state: 'ready', healthy: 1, withheld })))
    expect(verdict).toContain('The circuit breaker of users is open in 1 of 2 workers of the gateway.')
    expect(verdict).toContain('The gateway has ejected users-0, whose last error was a status of 503.')
    expect(next).toContain('pando logs users')
  })

  it('quotes what a crashing instance wrote, and counts from the first crash', () => {
    const reason = 'It has failed 2 times in a row (exit code 3) and waits 2 s to be started again.'
    const events = [
      event(1, 'instance.healthy'),
      event(4, 'instance.failed', 'users-0-a has ended: exit code 3', 'users-0-a'),
      event(6, 'instance.failed', 'users-0-b has ended: exit code 3', 'users-0-b'),
    ]
    const lines = new Map([['users-0-b', ['starting', 'Error: no DATABASE_URL', '    at main.mjs:3']]])
    const found = explainService(facts(status('users', { reason }), { events, lines }))
    expect(found.verdict).toBe(
      `users has failed: ${reason} Before it ended, users-0-b wrote: "Error: no DATABASE_URL".`,
    )
    expect(found.since).toBe(4)
    expect(found.next).toContain('pando logs users')
    expect(found.timeline.at(-1)?.lines).toHaveLength(3)
  })

  it('says of one that never became healthy that it wrote nothing', () => {
    const reason = 'It has failed (never became healthy: connection refused) and waits 1 s to be started again.'
    const events = [event(4, 'instance.failed', 'users-0-a has ended', 'users-0-a')]
    const found = explainService(facts(status('users', { reason }), { events, lines: new Map([['users-0-a', []]]) }))
    expect(found.verdict).toBe(`users has failed: ${reason} users-0-a wrote nothing before it ended.`)
  })

  it('tells a port that is taken by what the program said', () => {
    const events = [event(4, 'instance.failed', 'x', 'users-0-a')]
    const lines = new Map([['users-0-a', ['Error: listen EADDRINUSE: address already in use 127.0.0.1:80']]])
    expect(explainService(facts(status('users', { reason: 'x.' }), { events, lines })).next).toContain('pando doctor')
  })

  it('follows the chain of what is waited for to its end', () => {
    const db = status('db', { reason: 'It has failed (exit code 1) and waits 4 s to be started again.' })
    const users = waitingFor('users', 'db')
    const web = waitingFor('web', 'users')
    const services = new Map([db, users, web].map((one) => [one.name, one]))
    const found = explainService(facts(web, { services }))
    expect(found.causes.map(({ service }) => service)).toEqual(['users', 'db'])
    expect(found.verdict).toContain('db has failed: It has failed (exit code 1)')
    expect(found.next).toBe('Run "pando why db": web goes on by itself after that.')
  })

  it('ends a chain that goes in a circle', () => {
    const a = waitingFor('a', 'b')
    const b = waitingFor('b', 'a')
    const services = new Map([a, b].map((one) => [one.name, one]))
    const found = explainService(facts(a, { services }))
    expect(found.causes.map(({ service }) => service)).toEqual(['b'])
  })

  it('puts a build’s output to its failure', () => {
    const events = [
      event(1, 'build.started'),
      event(2, 'build.output', 'main.ts:3: no such name'),
      event(3, 'build.failed', 'users could not be built: exit code 2'),
    ]
    const found = explainService(facts(status('users', { reason: 'It waits to be built again.' }), { events }))
    expect(found.timeline.map(({ kind, lines }) => [kind, lines])).toEqual([
      ['build.started', []],
      ['build.failed', ['main.ts:3: no such name']],
    ])
    expect(found.next).toBe('Mend what the build complains of, then run "pando deploy users".')
  })

  it('names the revision that failed and was rolled back', () => {
    const deployments = [
      deployment({ number: 3, revision: 'r1', by: 'automatic_rollback' }),
      deployment({
        number: 2,
        revision: 'r2',
        result: 'rolled_back',
        reason: 'revision r2 failed: it crashed 3 times.',
      }),
    ]
    const service = status('users', { state: 'ready', healthy: 1, revision: 'r1' })
    const found = explainService(facts(service, { deployments }))
    expect(found.verdict).toContain(
      'Revision r2 was deployed before and failed (it crashed 3 times), so Pando went back to revision r1.',
    )
    expect(found.next).toContain('pando deploy users')
  })

  it('says how one that is stopped or has no replicas comes back', () => {
    const stopped = status('users', { state: 'stopped', reason: 'It was stopped.' })
    expect(explainService(facts(stopped))).toMatchObject({
      verdict: 'users is stopped: It was stopped.',
      since: null,
      next: 'Run "pando start users" to have it run.',
    })
    const ordered = [event(3, 'service.started'), event(7, 'service.stopped'), event(9, 'instance.exited')]
    expect(explainService(facts(stopped, { events: ordered })).since).toBe(7)
    expect(explainService(facts(stopped, { events: [event(3, 'service.started')] })).since).toBeNull()
    expect(explainService(facts({ ...stopped, replicas: 0 })).next).toContain('pando scale users=1')
    const asleep = { ...stopped, replicas: 0, waitsFor: { kind: 'request' } } as const
    expect(explainService(facts(asleep)).next).toBe('The next request to users wakes it.')
  })
})

describe('timelineOf', () => {
  it('is bounded by time and number, and tells of deployments whose events are gone', () => {
    const events = [event(10_000, 'deployment.started'), event(20_000, 'instance.healthy')]
    const deployments = [deployment({ at: 10_001 }), deployment({ at: 5_000, revision: 'r1', result: 'rolled_back' })]
    const kinds = (since: number | null, limit: number): string[] =>
      timelineOf({ events, deployments, lines: new Map(), since, limit }).map(({ kind }) => kind)
    expect(kinds(null, 9)).toEqual(['deployment', 'deployment.started', 'instance.healthy'])
    expect(kinds(6_000, 9)).toEqual(['deployment.started', 'instance.healthy'])
    expect(kinds(null, 1)).toEqual(['instance.healthy'])
    expect(kinds(null, 0)).toEqual([])
  })
})
