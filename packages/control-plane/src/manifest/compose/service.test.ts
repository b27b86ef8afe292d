import type { ServiceSpec } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { oneService, readCompose } from './compose.suite.js'

function webOf(lines: string, around = ''): ServiceSpec {
  const { app, mistakes } = readCompose(oneService(lines, around))
  if (app === null) throw new Error(mistakes.join('\n'))
  return app.services['web']!
}

const container = (service: ServiceSpec) => service.revision.container!

describe('what is promised to a service that says nothing', () => {
  const web = webOf('')
  it('is what Compose promises', () => {
    expect(container(web).security).toEqual({
      isRootReadOnly: false,
      capAdd: [],
      user: null,
      pidsLimit: 0,
      isEngineDefault: true,
    })
    expect(web).toMatchObject({ restart: 'no', replicas: 1, dependsOn: {}, rollout: { order: 'stop-first' } })
    expect(web.revision).toMatchObject({ protocol: 'none', port: null, healthcheck: { probe: { kind: 'none' } } })
    expect(container(web).network).toEqual({ aliases: ['web'], published: [], hostname: null })
  })

  it('can be as strict as ours', () => {
    const strict = webOf('x-pando: { engine_defaults: false, read_only: true, rollout: { order: start-first } }')
    expect(container(strict).security).toMatchObject({ isRootReadOnly: true, pidsLimit: 256 })
    expect(container(strict).security.isEngineDefault).toBeUndefined()
    expect(strict.rollout.order).toBe('start-first')
  })
})

const bind = { kind: 'bind', target: '/t', isReadOnly: false }

describe('a key', () => {
  it.each<[string, (web: ServiceSpec) => unknown, unknown]>([
    ['command: echo "a b" $$X', (web) => web.revision.command, ['echo', 'a b', '$X']],
    ['command: [sh, -c, "echo $$X $${Y}"]', (web) => web.revision.command, ['sh', '-c', 'echo $X ${Y}']],
    [
      'environment: { A: 1.10, B: true, PORT: 3000 }',
      (web) => web.revision.environment,
      { A: '1.10', B: 'true', PORT: '3000' },
    ],
    ['environment: [A=b=c, HOST=x]', (web) => web.revision.environment, { A: 'b=c', HOST: 'x' }],
    [
      'ports: ["8080:80"]',
      (web) => [web.listen, web.revision.port, web.revision.protocol],
      [[{ host: '127.0.0.1', port: 8080 }], 80, 'tcp'],
    ],
    ['ports: ["0.0.0.0:8080:80/tcp"]', (web) => web.listen, [{ host: '0.0.0.0', port: 8080 }]],
    ['ports: ["[::1]:8080:80"]', (web) => web.listen, [{ host: '::1', port: 8080 }]],
    [
      'ports: [{ target: 80, published: "8080", host_ip: 127.0.0.2 }]',
      (web) => web.listen,
      [{ host: '127.0.0.2', port: 8080 }],
    ],
    ['ports: [80]', (web) => [web.listen, web.revision.port], [undefined, 80]],
    [
      'ports: ["8080:80", "53:53/udp", "127.0.0.1:91:90"]',
      (web) => container(web).network?.published,
      [
        { host: '127.0.0.1', port: 53, target: 53, transport: 'udp' },
        { host: '127.0.0.1', port: 91, target: 90, transport: 'tcp' },
      ],
    ],
    ['ports: ["8000-8001:80-81"]', (web) => [web.listen?.length, container(web).network?.published.length], [1, 1]],
    ['expose: ["3000", 4000]', (web) => [web.revision.port, web.listen], [3000, undefined]],
    ['volumes: ["./d:/t"]', (web) => container(web).mounts, [{ ...bind, source: '/app/d', isMade: true }]],
    [
      'volumes: ["/d:/t:ro,z"]',
      (web) => container(web).mounts,
      [{ ...bind, source: '/d', isReadOnly: true, isMade: true }],
    ],
    [
      'volumes: [{ type: bind, source: ./d, target: /t }]',
      (web) => container(web).mounts,
      [{ ...bind, source: '/app/d' }],
    ],
    ['volumes: ["v:/t"]', (web) => container(web).mounts, [{ ...bind, kind: 'volume', source: 'v' }]],
    ['volumes: [/t]', (web) => container(web).mounts, [{ ...bind, kind: 'volume', source: '' }]],
    [
      'volumes: [{ type: tmpfs, target: /t, tmpfs: { size: 64m } }]',
      (web) => container(web).mounts,
      [{ kind: 'tmpfs', target: '/t', sizeBytes: 67_108_864 }],
    ],
    ['tmpfs: "/t:size=1m"', (web) => container(web).mounts, [{ kind: 'tmpfs', target: '/t', sizeBytes: 1_048_576 }]],
    ['secrets: [s]', (web) => container(web).secrets, [{ name: 's', file: '/app/s.txt', target: '/run/secrets/s' }]],
    [
      'secrets: [{ source: s, target: other }]',
      (web) => container(web).mounts,
      [{ ...bind, source: '/app/s.txt', target: '/run/secrets/other', isReadOnly: true }],
    ],
    [
      'configs: [c]',
      (web) => container(web).mounts,
      [{ ...bind, source: '/app/c.txt', target: '/c', isReadOnly: true }],
    ],
    [
      'configs: [{ source: c, target: /etc/c }]',
      (web) => container(web).mounts,
      [{ ...bind, source: '/app/c.txt', target: '/etc/c', isReadOnly: true }],
    ],
    ['depends_on: [other]', (web) => web.dependsOn, { other: 'service_started' }],
    [
      'depends_on: { other: { condition: service_healthy, restart: true } }',
      (web) => web.dependsOn,
      { other: 'service_healthy' },
    ],
    ['links: ["other:db"]', (web) => web.dependsOn, { other: 'service_started' }],
    ['restart: on-failure:3', (web) => web.restart, 'on-failure'],
    ['restart: no', (web) => web.restart, 'no'],
    ['restart: unless-stopped', (web) => web.restart, 'always'],
    ['scale: 3', (web) => web.replicas, 3],
    [
      'deploy: { replicas: 2, resources: { limits: { cpus: "0.5", memory: 64M, pids: 9 } } }',
      (web) => [web.replicas, web.revision.resources, container(web).security.pidsLimit],
      [2, { cpus: 0.5, memoryBytes: 67_108_864 }, 9],
    ],
    ['deploy: { restart_policy: { condition: any, delay: 5s } }', (web) => web.restart, 'always'],
    [
      'deploy: { update_config: { order: start-first, parallelism: 2, monitor: 7s } }',
      (web) => web.rollout,
      { order: 'start-first', maxSurge: { count: 2 }, minHealthyMs: 7000 },
    ],
    [
      'deploy: { update_config: { parallelism: 0 } }',
      (web) => web.rollout,
      { order: 'stop-first', maxUnavailable: { percent: 100 } },
    ],
    [
      'healthcheck: { test: "true && true" }',
      (web) => web.revision.healthcheck,
      {
        probe: { kind: 'command', command: 'true && true' },
        intervalMs: 30_000,
        timeoutMs: 30_000,
        fall: 3,
        startupMs: 120_000,
      },
    ],
    [
      'healthcheck: { test: [CMD, a, b], interval: 1s, timeout: 2s, retries: 5, start_period: 10s }',
      (web) => web.revision.healthcheck,
      {
        probe: { kind: 'command', command: ['a', 'b'] },
        intervalMs: 1000,
        timeoutMs: 2000,
        fall: 5,
        startupMs: 17_000,
      },
    ],
    ['healthcheck: { test: [NONE] }', (web) => web.revision.healthcheck.probe, { kind: 'none' }],
    ['healthcheck: { disable: true }', (web) => web.revision.healthcheck.probe, { kind: 'none' }],
    [
      'logging: { driver: json-file, options: { max-size: 1m, max-file: "2" } }',
      (web) => web.revision.logs,
      { maxBytes: 1_048_576, maxFiles: 2 },
    ],
    ['entrypoint: tini -- "a b"', (web) => container(web).extras?.entrypoint, ['tini', '--', 'a b']],
    ['cap_drop: [ALL]', (web) => container(web).extras?.capDrop, ['ALL']],
    ['security_opt: ["no-new-privileges:true"]', (web) => container(web).security.hasNoNewPrivileges, true],
    ['init: true', (web) => container(web).extras?.hasInit, true],
    ['user: 1000', (web) => container(web).security.user, '1000'],
    ['working_dir: /srv', (web) => web.revision.workdir, '/srv'],
    ['read_only: true', (web) => container(web).security.isRootReadOnly, true],
    ['hostname: h', (web) => container(web).network?.hostname, 'h'],
    ['container_name: c', (web) => container(web).network?.aliases, ['web', 'c']],
    ['networks: { default: { aliases: [a] } }', (web) => container(web).network?.aliases, ['web', 'a']],
    ['mem_limit: 64m', (web) => web.revision.resources.memoryBytes, 67_108_864],
    ['stop_grace_period: 1m', (web) => web.revision.stopGracePeriodMs, 60_000],
    ['privileged: false', (web) => web.restart, 'no'],
  ])('%s', (line, look, expected) => {
    const around =
      '  other: { image: o }\nvolumes: { v: }\nsecrets: { s: { file: ./s.txt } }\nconfigs: { c: { file: ./c.txt } }\n'
    const seen = look(webOf(line, around))
    // Of a map only what is named counts.
    expect({ seen }).toMatchObject({ seen: expected })
  })

  it('of a link leads to the service that it is a link to', () => {
    const { app } = readCompose('services:\n  a: { image: i, links: ["b:db"] }\n  b: { image: i }\n')
    expect(app?.services['b']?.revision.container?.network?.aliases).toEqual(['b', 'db'])
  })

  it('of a build is the build of an image', () => {
    const text =
      'services:\n  a: { image: mine, build: { context: ./w, dockerfile: D, args: { V: 1.10 }, target: t } }\n'
    const { app, warnings } = readCompose(text)
    expect(app?.services['a']?.revision.build).toMatchObject({
      kind: 'dockerfile',
      context: '/app/w',
      dockerfile: 'D',
      args: { V: '1.10' },
      target: 't',
    })
    expect(app?.services['a']?.revision.container?.image).toBeNull()
    expect(warnings).toEqual(['2:8 services.a.image: "image" beside "build" has no effect'])
  })
})

describe('a name', () => {
  it('that is no name of a host is one in the network', () => {
    const { app } = readCompose('services:\n  My_DB: { image: i }\n  web: { image: i, depends_on: [My_DB] }\n')
    expect(Object.keys(app?.services ?? {})).toEqual(['my-db', 'web'])
    expect(app?.services['my-db']?.revision.container?.network?.aliases).toEqual(['My_DB', 'my-db'])
    expect(app?.services['web']?.dependsOn).toEqual({ 'my-db': 'service_started' })
  })

  it('that two would share is a mistake', () => {
    const { mistakes } = readCompose('services:\n  my_db: { image: i }\n  my-db: { image: i }\n')
    expect(mistakes).toContain('3:3 services.my-db: "my-db" and "my_db" are one name here')
  })
})

describe('variables', () => {
  const text = 'services:\n  web: { image: "${I:-i}:$TAG", environment: { A: "${A}", B: "${B?}" , C: $$C } }\n'
  it('come from the environment, then from .env beside the file; one that is not set is nothing, and said', () => {
    const { app, warnings } = readCompose(text, { variables: { A: 'shell' }, files: { '/app/.env': 'A=file\nB=b\n' } })
    expect(app?.services['web']?.revision.container?.image).toBe('i:')
    expect(app?.services['web']?.revision.environment).toEqual({ A: 'shell', B: 'b', C: '$C' })
    expect(warnings).toEqual(['2:26 services.web.image: the variable TAG is not set'])
  })

  it('that are required are a mistake', () => {
    expect(readCompose(text, { variables: { A: '1', TAG: '2' } }).mistakes[0]).toMatch(/B is not set/)
  })
})

describe('profiles', () => {
  const text = 'services:\n  a: { image: i }\n  b: { image: i, profiles: [debug] }\n'
  it.each([
    [{}, ['a']],
    [{ profiles: ['debug'] }, ['a', 'b']],
    [{ variables: { COMPOSE_PROFILES: 'x,debug' } }, ['a', 'b']],
    [{ files: { '/app/.env': 'COMPOSE_PROFILES=debug\n' } }, ['a', 'b']],
  ])('%j', (disk, names) => {
    expect(Object.keys(readCompose(text, disk).app?.services ?? {})).toEqual(names)
  })
})

const watched = (rule: string) => webOf(`develop: { watch: [${rule}] }`).watch

describe('rules that watch', () => {
  it('put files into containers where the place is said, as Compose does', () => {
    const rule = { action: 'sync+restart', path: '/app/src', target: '/srv', ignore: [], include: [] }
    expect(watched('{ action: sync+restart, path: src, target: /srv }')).toEqual([rule])
  })

  it.each([
    '{ action: sync, path: src, target: /srv, initial_sync: true }',
    '{ action: sync, path: src, target: srv }',
    '{ action: sync+exec, path: src, target: /srv, exec: { command: make } }',
  ])('are left out, all of the service, for %s', (rule) => {
    expect(watched(rule)).toBeUndefined()
  })
})
