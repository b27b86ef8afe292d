import { defaultRollout, type AppSpec, type RevisionSpec, type ServiceSpec } from '@pando/model'
import { describe, expect, test } from 'vitest'
import { changesBetween, desiredFrom, withService } from './desired-state.js'
import { environmentOf } from './environment.js'

const revision: RevisionSpec = {
  service: 'users',
  build: { kind: 'none', context: '/app/users', command: null },
  workdir: '/app/users',
  command: 'run',
  environment: { MODE: 'test', PORT: '1' },
  protocol: 'http',
  port: null,
  healthcheck: { probe: { kind: 'tcp' }, intervalMs: 2000, timeoutMs: 2000, rise: 1, fall: 3, startupMs: 60_000 },
  resources: { memoryBytes: null, cpus: null },
  stopSignal: 'SIGTERM',
  stopGracePeriodMs: 10_000,
  logs: { maxBytes: 1, maxFiles: 1 },
}
const users: ServiceSpec = {
  name: 'users',
  revision,
  replicas: 2,
  restart: 'always',
  dependsOn: {},
  drainTimeoutMs: 10_000,
  rollout: defaultRollout,
  balancer: 'round_robin',
  routes: [],
}
const app = (...services: ServiceSpec[]): AppSpec =>
  ({
    name: 'shop',
    manifest: '/app/pando.yaml',
    services: Object.fromEntries(services.map((one) => [one.name, one])),
  }) as unknown as AppSpec

describe('desired state from a manifest', () => {
  test('the same manifest again changes nothing, and keeps the generation', () => {
    const first = withService(desiredFrom(app(users), new Map()), 'users', (one) => ({ ...one, generation: 3 }))
    const second = desiredFrom(app(users), first)
    expect(changesBetween(first, second)).toEqual({ added: [], changed: [], removed: [], unchanged: ['users'] })
    expect(second.get('users')!.generation).toBe(3)
  })

  test('a replica count set by hand goes back to the manifest, a stopped service is wanted again', () => {
    const byHand = withService(desiredFrom(app(users), new Map()), 'users', (one) => ({
      ...one,
      replicas: 7,
      isStopped: true,
    }))
    const again = desiredFrom(app(users), byHand)
    expect(again.get('users')).toMatchObject({ replicas: 2, isStopped: false })
    expect(changesBetween(byHand, again).changed).toEqual(['users'])
  })

  test('scaling makes no new revision, another environment does', () => {
    const before = desiredFrom(app(users), new Map()).get('users')!
    const scaled = desiredFrom(app({ ...users, replicas: 5 }), new Map()).get('users')!
    const changed = desiredFrom(
      app({ ...users, revision: { ...revision, environment: { MODE: 'other' } } }),
      new Map(),
    ).get('users')!
    expect(scaled.revision).toBe(before.revision)
    expect(changed.revision).not.toBe(before.revision)
  })

  test('added and removed services are named', () => {
    const orders: ServiceSpec = { ...users, name: 'orders', revision: { ...revision, service: 'orders' } }
    const changes = changesBetween(desiredFrom(app(users), new Map()), desiredFrom(app(orders), new Map()))
    expect(changes).toMatchObject({ added: ['orders'], removed: ['users'] })
  })
})

describe('an instance’s environment', () => {
  const input = {
    app: app(users, { ...users, name: 'order-items', revision: { ...revision, protocol: 'tcp' } }),
    service: desiredFrom(app(users), new Map()).get('users')!,
    instance: 'users-0-abc',
    address: { host: '127.0.0.1', port: 21_001 },
    mesh: new Map([['order-items', { host: '127.0.0.1', port: 20_001 }]]),
    host: { PATH: '/bin', HOME: '/home/me', AWS_SECRET: 'no', npm_config_x: 'no' },
  }

  test('holds the allow-list and nothing else of the host’s', () => {
    const environment = environmentOf(input)
    expect(environment).toMatchObject({ PATH: '/bin', HOME: '/home/me' })
    expect(Object.keys(environment)).not.toContain('AWS_SECRET')
    expect(Object.keys(environment)).not.toContain('npm_config_x')
  })

  test('says where to listen, whatever the manifest says, and where the others are', () => {
    expect(environmentOf(input)).toMatchObject({
      PORT: '21001',
      HOST: '127.0.0.1',
      MODE: 'test',
      ORDER_ITEMS_URL: 'tcp://127.0.0.1:20001',
      ORDER_ITEMS_SERVICE_HOST: '127.0.0.1',
      ORDER_ITEMS_SERVICE_PORT: '20001',
      PANDO_INSTANCE: 'users-0-abc',
    })
  })
})
