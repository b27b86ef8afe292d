import type { AppStatus, InstanceStatus, PandoEvent, RouteStatus } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { colorPaint, noPaint } from '../paint.js'
import { EventSieve } from '../up/view.js'
import { EventRenderer } from './event-line.js'
import { renderAppStatus, renderSummary } from './app-status.js'
import { LogLineRenderer } from './log-line.js'
import { renderRoutes } from './route-table.js'
import { gatewayUrl, renderAddress } from './service-table.js'

const instance: InstanceStatus = {
  id: 'users-0-ab',
  service: 'users',
  slot: 0,
  revision: 'r1',
  phase: 'healthy',
  pid: 77,
  address: { host: '127.0.0.1', port: 40001 },
  startedAt: 0,
  restarts: 2,
  detail: '',
  memoryBytes: 1024 * 1024,
  cpuSeconds: 1,
}

function statusOf(services: number): AppStatus {
  return {
    name: 'demo',
    manifest: '/demo/pando.yaml',
    pid: 9,
    startedAt: 0,
    state: 'running',
    gateway: { state: 'ready', address: { host: '0.0.0.0', port: 8080 }, pid: 10, workers: 1, errors: [] },
    api: { host: '127.0.0.1', port: 7700 },
    services: Array.from({ length: services }, (_, index) => ({
      name: index === 0 ? 'users' : `s${index}`,
      state: index === 0 ? 'ready' : 'waiting',
      reason: index === 0 ? '' : 'It waits for users, which is not healthy.',
      protocol: 'http',
      revision: 'r1',
      replicas: 2,
      healthy: 1,
      address: null,
      routes: index === 0 ? ['/users'] : [],
      instances: index === 0 ? [instance] : [],
    })),
  }
}

describe('renderAppStatus', () => {
  it('says what runs, what waits for what, and how each instance fares', () => {
    expect(renderAppStatus(statusOf(2), 61_000, { paint: noPaint })).toBe(
      [
        'demo  running, control plane pid 9, up 1m 1s',
        'gateway  http://127.0.0.1:8080  ready, 1 worker',
        '',
        'SERVICE  STATE    HEALTHY  REVISION  ADDRESS  ROUTES',
        'users    ready    1/2      r1        -        /users',
        's1       waiting  1/2      r1        -',
        '',
        's1: It waits for users, which is not healthy.',
        '',
        'INSTANCE    STATE    PID  ADDRESS          RESTARTS  UPTIME  MEMORY   DETAIL',
        'users-0-ab  healthy  77   127.0.0.1:40001  2         1m 1s   1.0 MiB',
        '',
      ].join('\n'),
    )
  })
})

describe('renderSummary', () => {
  it('names the next three commands as the reader has to call them', () => {
    const text = renderSummary(statusOf(1), { paint: noPaint, now: 61_000, command: 'npx pando -f x.yaml' })
    expect(text).toContain('curl http://127.0.0.1:8080/users ')
    expect(text).toContain('npx pando -f x.yaml scale users=3 ')
    expect(text).toContain('npx pando -f x.yaml logs -f users ')
  })

  it('names what helps when something has failed', () => {
    const [users] = statusOf(1).services
    const services = [{ ...users, state: 'failed', reason: 'It has failed: \nlog' } as const]
    const text = renderSummary({ ...statusOf(1), services }, { paint: noPaint, now: 61_000, command: 'pando' })
    expect(text).toContain('pando logs -n 50 users ')
    expect(text).toContain('users: It has failed …')
  })

  it('fits the screen, however many services and reasons there are', () => {
    for (const rows of [20, 24, 50]) {
      const text = renderSummary(statusOf(100), { paint: noPaint, now: 61_000, command: 'pando', rows, columns: 80 })
      expect(text.split('\n').length).toBeLessThan(rows - 2)
      expect(text).toContain('more: pando ps')
    }
  })
})

describe('addresses', () => {
  it('puts IPv6 in brackets and calls a wildcard by an address that can be called', () => {
    expect(renderAddress({ host: '::1', port: 1 })).toBe('[::1]:1')
    expect(renderAddress(null)).toBe('-')
    expect(gatewayUrl(statusOf(0))).toBe('http://127.0.0.1:8080')
    const { gateway } = statusOf(0)
    expect(gatewayUrl({ gateway: { ...gateway, address: { host: '127.0.0.1', port: 0 } } })).toBeNull()
  })
})

describe('renderRoutes', () => {
  it('shows matches, targets and shares in words', () => {
    const route: RouteStatus['route'] = {
      name: 'users/0',
      hosts: ['a.example.org'],
      matches: [
        {
          path: { type: 'pattern', value: '/users/{id}' },
          method: 'GET',
          headers: [{ name: 'x-beta', type: 'present' }],
          query: [{ name: 'q', type: 'exact', value: '1' }],
        },
        { path: { type: 'prefix', value: '/' }, method: null, headers: [], query: [] },
      ],
      filters: [],
      backends: [
        { service: 'users', weight: 3 },
        { service: 'canary', weight: 1 },
      ],
      timeouts: { requestMs: null, backendRequestMs: null },
    }
    expect(renderRoutes([{ route, healthy: 4 }], { paint: noPaint }).split('\n')[1]).toBe(
      'users/0  a.example.org  GET /users/{id} x-beta:* ?q=1 or /*  users 75% canary 25%  4',
    )
    const guarded: RouteStatus['route'] = {
      ...route,
      auth: { anyOf: ['users', 'keys'], scopes: [], claims: [] },
      fault: { byHeader: false },
      securityHeaders: null,
      cache: { maxBytes: 1024, maxEntryBytes: 512 },
    }
    const lines = renderRoutes(
      [
        { route, healthy: 4 },
        { route: guarded, healthy: 4 },
      ],
      { paint: noPaint },
    ).split('\n')
    expect(lines[0]).toMatch(/ POLICIES$/)
    expect(lines[1]).toMatch(/ 4$/)
    expect(lines[2]).toMatch(/ auth users\|keys, fault, cache$/)
  })
})

describe('LogLineRenderer', () => {
  it('keeps names in one column that grows', () => {
    const renderer = new LogLineRenderer({ paint: noPaint, hasTimes: false })
    const line = (name: string): string => renderer.render({ service: 's', instance: name, at: null, line: 'x' })
    expect([line('a'), line('abc'), line('a')]).toEqual(['a | x', 'abc | x', 'a   | x'])
  })

  it('shows the time, and that it is not known', () => {
    const renderer = new LogLineRenderer({ paint: noPaint, hasTimes: true })
    expect(renderer.render({ service: 's', instance: 'a', at: 0, line: 'x' })).toBe('1970-01-01T00:00:00.000Z a | x')
    expect(renderer.render({ service: 's', instance: 'a', at: null, line: 'x' })).toBe(`${'-'.padEnd(24)} a | x`)
  })
})

const event = (kind: PandoEvent['kind'], message: string): PandoEvent => ({
  seq: 1,
  at: 0,
  kind,
  service: 'users',
  instance: null,
  message,
})

const of = (kind: PandoEvent['kind'], instance: string | null, message: string): PandoEvent => ({
  ...event(kind, message),
  instance,
})

describe('EventRenderer', () => {
  it('keeps times, marks, names and sentences in columns from the first line on', () => {
    const renderer = new EventRenderer({ paint: noPaint, services: ['users', 'storefront'] })
    const lines = [
      renderer.render(of('build.succeeded', null, 'users is built')),
      renderer.render(of('instance.unhealthy', 'users-0-b2klvq', 'users-0-b2klvq is unhealthy: 503')),
      renderer.render(of('instance.failed', 'storefront-0-b2klvq', 'storefront-0-b2klvq has ended: exit code 3')),
      renderer.render({ ...of('gateway.ready', null, 'gateway is ready'), service: null }),
    ]
    expect(lines.map((line) => line.slice('00:00:00 '.length))).toEqual([
      '✓ users               is built',
      '! users-0-b2klvq      is unhealthy: 503',
      '✗ storefront-0-b2klvq has ended: exit code 3',
      '✓ gateway             is ready',
    ])
  })

  it('gives an instance the colour of its service', () => {
    const line = new EventRenderer({ paint: colorPaint }).render(
      of('instance.healthy', 'users-0', 'users-0 is healthy'),
    )
    expect(line).toContain(colorPaint.name('users-0', 'users'))
  })
})

describe('EventSieve', () => {
  it('shows the first twenty lines of a build, says once that there are more, and begins anew once it was built', () => {
    const sieve = new EventSieve({ paint: noPaint })
    const build = (): (string | null)[] => {
      return Array.from({ length: 30 }, (_, line) => sieve.render(event('build.output', `line ${line}`)))
    }
    for (let round = 0; round < 2; round++) {
      const shown = build().filter((line) => line !== null)
      sieve.render(event('build.failed', 'no'))
      expect(build().filter((line) => line !== null)).toEqual([])
      sieve.render(event('build.succeeded', 'yes'))
      expect(shown).toHaveLength(21)
      expect(shown[19]).toBe('users | line 19')
      expect(shown[20]).toContain('pando events')
    }
  })

  it('tells all of a build that failed once, and one line of the same failure after that', () => {
    const sieve = new EventSieve({ paint: noPaint })
    const failed = event(
      'build.failed',
      'users could not be built: service users: make failed:\n\u001b[31mwhy\u001b[0m\n\u001b[0m',
    )
    expect(sieve.render(failed)?.slice(9)).toBe('✗ users   could not be built: make failed:\n    why')
    expect(sieve.render(failed)?.slice(9)).toBe('✗ users   could not be built: make failed …')
    expect(sieve.render(event('build.output', '\u001b[0m'))).toBeNull()
  })

  it('leaves out the bookkeeping of the registry and the steps on the way', () => {
    expect(new EventSieve({ paint: noPaint }).render(event('instance.started', 'x'))).toBeNull()
    expect(new EventSieve({ paint: noPaint }).render(event('endpoint.registered', 'x'))).toBeNull()
    expect(new EventSieve({ paint: noPaint }).render(event('instance.failed', 'exit code 3'))).toContain('exit code 3')
  })

  it('says a name once, and puts further lines below', () => {
    const lines = new EventSieve({ paint: noPaint })
      .render(event('build.failed', 'users could not be built:\noh no'))
      ?.split('\n')
    expect(lines?.[0]).toMatch(/^\d\d:\d\d:\d\d ✗ users +could not be built:$/)
    expect(lines?.[1]).toBe('    oh no')
    expect(new EventSieve({ paint: noPaint }).render(event('build.failed', 'No.'))).toMatch(/ ✗ users +No\.$/)
  })
})
