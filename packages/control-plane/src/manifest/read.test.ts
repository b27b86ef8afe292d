import { describe, expect, it } from 'vitest'
import { defaultRollout } from '@pando/model'
import { appOf, listed, manifestPath, readFrom } from './reading.suite.js'

const short = 'services:\n  users:\n    build: ./users\n'

describe('what is understood', () => {
  it('of two lines a service: everything else has a default', () => {
    const app = appOf(short)
    expect(app).toMatchObject({
      name: 'app',
      manifest: manifestPath,
      gateway: { host: '127.0.0.1', port: 8080, workers: null, accessLog: false },
      api: { host: '127.0.0.1', port: 7700 },
    })
    expect(app.services['users']).toEqual({
      name: 'users',
      replicas: 1,
      restart: 'always',
      dependsOn: {},
      drainTimeoutMs: 30_000,
      rollout: defaultRollout,
      balancer: 'round_robin',
      routes: [],
      revision: {
        service: 'users',
        build: { kind: 'python', context: '/app/users', command: null },
        workdir: '/app/users',
        command: null,
        environment: {},
        protocol: 'http',
        port: null,
        healthcheck: { probe: { kind: 'tcp' }, intervalMs: 2000, timeoutMs: 2000, rise: 1, fall: 3, startupMs: 60_000 },
        resources: { memoryBytes: null, cpus: null },
        stopSignal: 'SIGTERM',
        stopGracePeriodMs: 10_000,
        logs: { maxBytes: 10_485_760, maxFiles: 5 },
      },
    })
  })

  it('of a service that says all', () => {
    const app = appOf(`
name: shop
services:
  users:
    build: { context: ./users, kind: none, command: make }
    command: [./serve, --quick]
    working_dir: run
    environment: [A=1, "B=x=y"]
    protocol: grpc
    port: 5001
    depends_on: { db: { condition: service_healthy }, migrate: { condition: service_completed_successfully } }
    healthcheck: { grpc: users.Users, interval: 1s, timeout: 500ms, fall: 5, rise: 2, startup: 5m }
    replicas: 1
    restart: on-failure
    resources: { memory: 256M, cpus: "0.5" }
    stop_signal: SIGINT
    stop_grace_period: 1m30s
    drain_timeout: 0
    balancer: least_request
    logs: { max_size: 1M, max_files: 2 }
  db: { command: ./db, protocol: tcp, mem_limit: 1g, cpus: 2 }
  migrate: { command: ./migrate, protocol: none, restart: "no" }
`)
    expect(app.services['users']).toMatchObject({
      dependsOn: { db: 'service_healthy', migrate: 'service_completed_successfully' },
      restart: 'on-failure',
      drainTimeoutMs: 0,
      balancer: 'least_request',
      revision: {
        build: { kind: 'none', context: '/app/users', command: 'make' },
        workdir: '/app/users/run',
        command: ['./serve', '--quick'],
        environment: { A: '1', B: 'x=y' },
        port: 5001,
        healthcheck: {
          probe: { kind: 'grpc', service: 'users.Users' },
          intervalMs: 1000,
          timeoutMs: 500,
          fall: 5,
          rise: 2,
          startupMs: 300_000,
        },
        resources: { memoryBytes: 268_435_456, cpus: 0.5 },
        stopSignal: 'SIGINT',
        stopGracePeriodMs: 90_000,
        logs: { maxBytes: 1_048_576, maxFiles: 2 },
      },
    })
    expect(app.services['db']?.revision.resources).toEqual({ memoryBytes: 1_073_741_824, cpus: 2 })
    expect(app.services['migrate']).toMatchObject({
      restart: 'no',
      revision: { healthcheck: { probe: { kind: 'none' } } },
    })
  })

  it.each([
    ['/healthz', { kind: 'http', path: '/healthz' }],
    ['{ http: /healthz }', { kind: 'http', path: '/healthz' }],
    ['{ grpc: true }', { kind: 'grpc', service: '' }],
    ['{ tcp: true }', { kind: 'tcp' }],
    ['{ interval: 5s }', { kind: 'tcp' }],
    ['{ command: check }', { kind: 'command', command: 'check' }],
    ['{ test: check $PORT }', { kind: 'command', command: 'check $PORT' }],
    ['{ test: [CMD, check, --now] }', { kind: 'command', command: ['check', '--now'] }],
    ['{ test: [CMD-SHELL, check --now] }', { kind: 'command', command: 'check --now' }],
    ['{ test: [NONE] }', { kind: 'none' }],
    ['{ disable: true }', { kind: 'none' }],
  ])('of healthcheck: %s', (written, probe) => {
    expect(appOf(`${short}    healthcheck: ${written}\n`).services['users']?.revision.healthcheck.probe).toEqual(probe)
  })

  it.each([
    ['/users', [], { type: 'prefix', value: '/users' }],
    ['/users/', [], { type: 'prefix', value: '/users' }],
    ['Example.ORG/users', ['example.org'], { type: 'prefix', value: '/users' }],
    ['users', ['users'], { type: 'prefix', value: '/' }],
    ['"*.example.org"', ['*.example.org'], { type: 'prefix', value: '/' }],
    ['{ path: { exact: /a/ } }', [], { type: 'exact', value: '/a/' }],
    [
      '{ hosts: [a.org, b.org], path: { pattern: "/u/{id}/{rest...}" } }',
      ['a.org', 'b.org'],
      { type: 'pattern', value: '/u/{id}/{rest...}' },
    ],
  ])('of the route %s', (written, hosts, path) => {
    const [route] = appOf(`${short}    routes: [${written}]\n`).services['users']?.routes ?? []
    expect(route).toEqual({
      name: 'users/0',
      hosts,
      matches: [{ path, method: null, headers: [], query: [] }],
      filters: [],
      backends: [{ service: 'users', weight: 1 }],
      timeouts: { requestMs: null, backendRequestMs: null },
    })
  })

  it('of a route that says all', () => {
    const app = appOf(`${short}    routes:
      - matches:
          - { path: /a, method: get, headers: { X-One: 1, X-Two: { present: true } }, query: { q: { prefix: p } } }
          - { path: /b }
        strip_prefix: true
        rewrite: { host: inner }
        request_headers: { set: { X-From: gateway }, remove: [Cookie] }
        backends: [{ service: users, weight: 90 }, { service: next, weight: 10 }]
        timeouts: { request: 3s, backend_request: 1s }
      - { path: /old, redirect: { scheme: https, prefix: /new, status: 308 } }
  next: { command: x }
`)
    expect(app.services['users']?.routes).toEqual([
      {
        name: 'users/0',
        hosts: [],
        matches: [
          {
            path: { type: 'prefix', value: '/a' },
            method: 'GET',
            headers: [
              { name: 'x-one', type: 'exact', value: '1' },
              { name: 'x-two', type: 'present' },
            ],
            query: [{ name: 'q', type: 'prefix', value: 'p' }],
          },
          { path: { type: 'prefix', value: '/b' }, method: null, headers: [], query: [] },
        ],
        filters: [
          { type: 'requestHeaders', set: { 'x-from': 'gateway' }, add: {}, remove: ['cookie'] },
          { type: 'rewrite', host: 'inner', path: { type: 'prefix', value: '/' } },
        ],
        backends: [
          { service: 'users', weight: 90 },
          { service: 'next', weight: 10 },
        ],
        timeouts: { requestMs: 3000, backendRequestMs: 1000 },
      },
      {
        name: 'users/1',
        hosts: [],
        matches: [{ path: { type: 'prefix', value: '/old' }, method: null, headers: [], query: [] }],
        filters: [
          {
            type: 'redirect',
            scheme: 'https',
            host: null,
            port: null,
            path: { type: 'prefix', value: '/new' },
            status: 308,
          },
        ],
        backends: [],
        timeouts: { requestMs: null, backendRequestMs: null },
      },
    ])
  })

  it('of the gateway', () => {
    const { gateway } = appOf(
      `${short}gateway: { host: 0.0.0.0, port: 0, workers: 2, access_log: true, limits: { max_body: 0, request_timeout: 30s } }\n`,
    )
    expect(gateway).toMatchObject({ host: '0.0.0.0', port: 0, workers: 2, accessLog: true })
    expect(gateway.limits).toMatchObject({ maxBodyBytes: 0, requestTimeoutMs: 30_000, maxHeadBytes: 32_768 })
  })
})

describe('variables', () => {
  const variables = { TAG: '3', SECRET: 's3', PORT: '9999', UNUSED: 'x' }

  it('are replaced in values, in commands only where the shell does not know them, and those that were used are told', () => {
    const result = readFrom(
      `services:
  users:
    build: ./users
    replicas: \${TAG}
    command: serve \${SECRET} --port \${PORT} $TAG \${OWN} \${ORDERS_URL}
    environment: { OWN: "\${TAG}", SECRET: , MISSING: }
  orders: { build: . }
`,
      { variables },
    )
    if (result.kind !== 'read') throw new Error(JSON.stringify(result))
    const users = result.app.services['users']
    expect(users?.replicas).toBe(3)
    // SECRET is in the environment of the service, so the shell knows it.
    expect(users?.revision.command).toBe('serve ${SECRET} --port ${PORT} $TAG ${OWN} ${ORDERS_URL}')
    expect(users?.revision.environment).toEqual({ OWN: '3', SECRET: 's3' })
    expect(result.usedVariables).toEqual({ SECRET: 's3', TAG: '3' })
    expect(result.warnings.map(({ line, message }) => `${line} ${message}`)).toEqual([
      '6 MISSING is to be handed on, and is not set',
    ])
  })

  it('are not asked for inside extensions that nothing refers to', () => {
    expect(appOf(`x-notes: "\${NOPE}"\n${short}`).name).toBe('app')
  })

  it('in a list of words are worth a warning, as no shell reads it', () => {
    const result = readFrom(`${short}    command: [serve, --port, $PORT]\n`)
    expect(result.kind === 'read' && result.warnings.map(({ message }) => message)).toEqual([
      'a list is executed without a shell, so "$PORT" stays as it is',
    ])
    const shell = readFrom(`${short}    command: [sh, -c, serve $PORT]\n`)
    expect(shell.kind === 'read' && shell.warnings).toEqual([])
  })

  it('come from files, and the environment has the last word', () => {
    const app = appOf(
      `${short}    env_file: [a.env, { path: none.env, required: false }]\n    environment: { B: own }\n`,
      {
        files: { '/app/a.env': 'A=1\nB=2\n' },
      },
    )
    expect(app.services['users']?.revision.environment).toEqual({ A: '1', B: 'own' })
  })

  it('of the environment are what is written, not what YAML makes of it', () => {
    const app = appOf(`${short}    environment: { VERSION: 1.10, ON: true, HEX: 0x10, TEXT: "01" }\n`)
    expect(app.services['users']?.revision.environment).toEqual({
      VERSION: '1.10',
      ON: 'true',
      HEX: '0x10',
      TEXT: '01',
    })
  })
})

describe('profiles', () => {
  const text = `services:
  web: { command: x }
  debug: { command: x, profiles: [tools] }
`
  it('leave out what is not asked for', () => {
    expect(Object.keys(appOf(text).services)).toEqual(['web'])
    expect(Object.keys(appOf(text, { profiles: ['tools'] }).services)).toEqual(['web', 'debug'])
    expect(Object.keys(appOf(text, { profiles: ['*'] }).services)).toEqual(['web', 'debug'])
    expect(Object.keys(appOf(text, { variables: { PANDO_PROFILES: 'other, tools' } }).services)).toEqual([
      'web',
      'debug',
    ])
  })

  it('that were asked for are told as a variable, so that a second reading asks for the same', () => {
    const first = readFrom(text, { profiles: ['tools'] })
    if (first.kind !== 'read') throw new Error('not read')
    expect(appOf(text, { variables: first.usedVariables })).toEqual(first.app)
  })

  it('make a dependency on what is left out a mistake, but an optional one', () => {
    const depending = text.replace('web: { command: x', 'web: { command: x, depends_on: [debug]')
    expect(listed(depending)).toEqual([
      '2:35 services.web.depends_on[0]: the service "debug" is only there with the profile "tools" (ask for it with PANDO_PROFILES=tools, or give this service the same profile)',
    ])
    expect(
      appOf(text.replace('web: { command: x', 'web: { command: x, depends_on: { debug: { required: false } }'))
        .services['web']?.dependsOn,
    ).toEqual({})
  })
})

describe('several files', () => {
  const main = 'include: [team/pando.yaml, { path: other.yaml }]\nservices:\n  a: { command: x, depends_on: [b] }\n'

  it('make one app, with paths seen from their own folders', () => {
    const app = appOf(main, {
      files: {
        '/app/team/pando.yaml': 'services:\n  b: { build: ./b }\n',
        '/app/other.yaml': 'gateway: { port: 9000 }\ninclude: [team/pando.yaml]\n',
      },
    })
    expect(Object.keys(app.services)).toEqual(['a', 'b'])
    expect(app.services['b']?.revision.build.context).toBe('/app/team/b')
    expect(app.gateway.port).toBe(9000)
  })

  it('that say the same thing twice are a mistake in the second', () => {
    const files = {
      '/app/team/pando.yaml': 'name: x\nservices:\n  a: { command: y }\n  b: { command: y }\n',
      '/app/other.yaml': 'name: y\n',
    }
    const result = readFrom(main, { files })
    expect(
      result.kind === 'mistaken' && result.diagnostics.map(({ file, line, message }) => `${file}:${line} ${message}`),
    ).toEqual([
      '/app/team/pando.yaml:3 the service "a" is written at /app/pando.yaml:3 already',
      '/app/other.yaml:1 "name" is said in "/app/team/pando.yaml" already',
    ])
  })

  it('that include each other are a mistake that names the circle', () => {
    const files = { '/app/b.yaml': 'include: [c.yaml]\n', '/app/c.yaml': 'include: [b.yaml]\n' }
    const result = readFrom('include: [b.yaml]\nservices: {}\n', { files })
    expect(result.kind === 'mistaken' && result.diagnostics.map(({ file, message }) => `${file} ${message}`)).toEqual([
      '/app/c.yaml files include each other: /app/b.yaml -> /app/c.yaml -> /app/b.yaml',
    ])
    expect(listed('include: [pando.yaml]\nservices: {}\n')[0]).toContain('include each other')
  })

  it('that are not there are a mistake where they are named', () => {
    expect(listed('include: [nope.yaml]\nservices: {}\n')).toEqual([
      '1:11 include[0]: there is no file "/app/nope.yaml"',
    ])
  })
})

describe('mistakes', () => {
  it('are told all together, each with its place and what was meant', () => {
    const text = `name: Shop!
servces: {}
services:
  users:
    biuld: ./users
    image: users:1
    replicas: 500
    restart: allways
    healthcheck: { interval: 10, http: /ok }
    routes: [{ path: { prefixx: /a } }, 3]
    depends_on: [orderz]
    environment: { PORT: 3, X: "\${NOPE}" }
  orders:
    build: ./nowhere
    depends_on: { users: { condition: service_health } }
gateway:
  limits: { max_bodyy: 3 }
`
    expect(listed(text, { folders: { '/app/nowhere': null } })).toEqual([
      '1:7 name: a name has lower-case letters, digits and hyphens, begins with a letter and ends with a letter or digit',
      '2:1 servces: unknown key "servces" (did you mean "services"?)',
      '5:5 services.users.biuld: unknown key "biuld" (did you mean "build"?)',
      '7:15 services.users.replicas: expected a whole number from 0 to 100, got 500',
      '8:14 services.users.restart: expected no, always, on-failure or unless-stopped, got "allways" (did you mean "always"?)',
      '9:30 services.users.healthcheck.interval: a duration needs a unit: "10s" for seconds or "10ms" for milliseconds',
      '10:24 services.users.routes[0].path.prefixx: unknown key "prefixx" (did you mean "prefix"?)',
      '10:41 services.users.routes[1]: expected a path such as /users, a host and path such as example.org/users, or a map, got "3"',
      '11:18 services.users.depends_on[0]: there is no service "orderz" (did you mean "orders"?)',
      '12:20 services.users.environment.PORT: PORT is given by Pando (when the program insists on a port, write it under "port")',
      '12:33 services.users.environment.X: the variable NOPE is not set (set NOPE, or give a default: ${NOPE:-...})',
      '14:12 services.orders.build: there is no folder "/app/nowhere" (paths are seen from the folder of the manifest)',
      '15:39 services.orders.depends_on.users.condition: expected service_started, service_healthy or service_completed_successfully, got "service_health" (did you mean "service_healthy"?)',
      '17:13 gateway.limits.max_bodyy: unknown key "max_bodyy" (did you mean "max_body"?)',
    ])
  })

  it.each([
    ['', '1:1 : the file says nothing'],
    ['# only a comment\n', 'the file says nothing'],
    ['- a\n- b\n', '1:1 : a manifest is a map: name, services, gateway'],
    ['just text', 'a manifest is a map'],
    ['name: x\n', 'there is no service in this manifest'],
    ['services: [a]\n', '1:11 services: expected a map of services, got a list'],
    ['services:\n', '1:10 services: expected a map of services, got nothing'],
    ['services:\n  users:\n', 'services.users: expected a map, got nothing'],
    ['services:\n  a_b: { command: x }\n', '2:3 services.a_b: "a_b" cannot name a service'],
    [`services:\n  ${'a'.repeat(41)}: { command: x }\n`, 'is longer than 40 characters'],
    ['networks: {}\nservices: {}\n', '1:1 networks: "networks" is not supported yet'],
    [
      'services:\n  a: { command: x, user: nobody }\n',
      '2:20 services.a.user: "user" is for containers, and this service',
    ],
    ['services:\n  a: { image: x, secrets: [t] }\n', 'there is no secret "t" at the top of the manifest'],
    ['services:\n  a: { image: x, volumes: ["v:/v"] }\n', 'there is no volume "v" at the top of the manifest'],
    ['services:\n  a: { image: x, volumes: ["./v:v"] }\n', '"./v:v" is no volume'],
    ['services:\n  a: { image: x, privileged: true }\n', '"privileged" is not supported yet'],
    ['services:\n  a: {}\n', '2:3 services.a: the service "a" says neither what to build nor what to run'],
    [
      'services:\n  a: { build: { kind: none } }\n',
      '2:23 services.a.build.kind: kind none says nothing of how to start it',
    ],
    ['services:\n  a: { build: ., image: x }\n', 'write either image or build'],
    ['services:\n  a: { command: "" }\n', '2:17 services.a.command: expected a command, got empty text'],
    ['services:\n  a: { command: [] }\n', 'services.a.command: expected a program'],
    ['services:\n  a: { command: 3 }\n', 'services.a.command: expected a command or a list of its words, got "3"'],
    ['services:\n  a: { build: { context: ., cache_from: [D] } }\n', '"cache_from" is not supported yet'],
    [
      'services:\n  a: { command: x, ports: ["80:80"] }\n',
      '2:20 services.a.ports: "ports" is not supported yet (write "routes"',
    ],
    [
      'services:\n  a: { command: x, deploy: { replicas: 2 } }\n',
      '"deploy" is not supported yet (write replicas and resources directly under the service)',
    ],
    ['services:\n  a: { command: x, env_file: [{ pth: a }] }\n', 'unknown key "pth" (did you mean "path"?)'],
    ['services:\n  a: { command: x, env_file: [{ pth: a }] }\n', '"path" is missing: expected a file'],
    ['services:\n  a: { command: x, env_file: no.env }\n', '2:30 services.a.env_file: there is no file "/app/no.env"'],
    ['services:\n  a: { command: x, depends_on: [a] }\n', '"a" depends on itself'],
    [
      'services:\n  a: { command: x, depends_on: [b] }\n  b: { command: x, depends_on: [c] }\n  c: { command: x, depends_on: [a] }\n',
      'these wait for each other: a -> b -> c -> a',
    ],
    [
      'services:\n  a: { command: x, depends_on: { b: { condition: service_completed_successfully } } }\n  b: { command: x }\n',
      '"b" is restarted whenever it ends',
    ],
    [
      'services:\n  a: { command: x, healthcheck: healthz }\n',
      '2:33 services.a.healthcheck: a path begins with a slash',
    ],
    ['services:\n  a: { command: x, healthcheck: { http: /, tcp: true } }\n', 'a service has one health check'],
    ['services:\n  a: { command: x, healthcheck: { test: [NOPE, x] } }\n', 'a list begins with CMD'],
    ['services:\n  a: { command: x, healthcheck: { start_interval: 1s } }\n', '"start_interval" is not supported yet'],
    ['services:\n  a: { command: x, healthcheck: { fall: 1, retries: 2 } }\n', 'write either fall or retries'],
    [
      'services:\n  a: { command: x, protocol: none, healthcheck: / }\n',
      'a service of protocol none listens on no port',
    ],
    ['services:\n  a: { command: x, protocol: none, port: 80 }\n', 'a service of protocol none listens on no port'],
    [
      'services:\n  a: { command: x, port: 5000, replicas: 2 }\n',
      '2:26 services.a.port: 2 replicas cannot all listen on port 5000',
    ],
    [
      'services:\n  a: { command: x, port: 5000 }\n  b: { command: x, port: 5000 }\n',
      '3:26 services.b.port: port 5000 belongs to the service "a" already',
    ],
    ['services:\n  a: { command: x, port: 8080 }\n', 'port 8080 belongs to the gateway already'],
    [
      'services: {}\ngateway: { port: 7700 }\n',
      '2:18 gateway.port: the gateway and the control API both want port 7700',
    ],
    ['services: {}\napi: { port: 8080 }\n', '2:14 api.port: the gateway and the control API both want port 8080'],
    ['services: {}\napi: { host: "localhost:80" }\n', 'is not an address to listen on'],
    [
      'services:\n  a: { command: x, mem_limit: 1M, resources: { memory: 2M } }\n',
      'write either mem_limit or resources.memory',
    ],
    ['services:\n  a: { command: x, resources: { memory: 64 } }\n', 'expected at least 1M'],
    ['services:\n  a: { command: x, resources: { cpus: 0 } }\n', 'expected a number above 0, at most 1024, got 0'],
    ['services:\n  a: { command: x, environment: { "A B": 1 } }\n', '"A B": this is not a name of a variable'],
    ['services:\n  a: { command: x, environment: ["=x"] }\n', 'is not a name of a variable'],
    ['services:\n  a: { command: x, environment: { PANDO_APP: x } }\n', 'PANDO_APP is given by Pando'],
  ])('%j', (text, expected) => {
    expect(listed(text).join('\n')).toContain(expected)
  })

  it.each([
    ['/a//b', 'a path has no empty segment'],
    ['/a/../b', 'a path has no . and .. segments'],
    ['/a?b=c', 'a path has no ? and no #'],
    ['/a b', 'has characters that a path cannot have'],
    ['/a/*', 'a path has no *'],
    ['"/a/{id}"', 'is a pattern'],
    ['{ path: { pattern: "/a/{x...}/b" } }', 'can only be the last segment'],
    ['{ path: { pattern: "/{x}/{x}" } }', 'is there twice'],
    ['{ path: { exact: /a, prefix: /b } }', 'write one of exact and prefix, not both'],
    ['{ path: {} }', 'the map is empty'],
    ['{ host: "a.org:80" }', 'has a port'],
    ['{ host: "a..org" }', 'is not a host name'],
    ['{ host: "a.*.org" }', 'is not a host name'],
    ['{ host: "*.쇼핑.example" }', 'write it as browsers send it: *.xn--hp4bo76a.example'],
    ['{ host: a, hosts: [b] }', 'write either "host" or "hosts"'],
    ['{ path: /a, matches: [{ path: /b }] }', '"matches" stands instead of'],
    ['{ method: "GE T" }', 'is not an HTTP method'],
    ['{ method: CONNECT }', 'CONNECT cannot be routed'],
    ['{ path: { exact: /a }, strip_prefix: true }', 'only a route whose paths are prefixes'],
    ['{ rewrite: { path: /a, prefix: /b } }', 'write either "path" or "prefix"'],
    ['{ rewrite: {} }', 'changes nothing'],
    ['{ redirect: { path: /a }, rewrite: { path: /b } }', 'a route either rewrites or redirects'],
    ['{ redirect: { path: /a }, backends: [{ service: users }] }', 'a route with a redirect sends nothing'],
    ['{ redirect: { path: /a, status: 200 } }', 'expected 301, 302, 303, 307 or 308, got "200"'],
    ['{ backends: [{ service: nope }] }', 'there is no service "nope"'],
    ['{ backends: [{ service: users, weight: 0 }] }', 'every weight is 0'],
    ['{ backends: [{ service: users }, { service: users }] }', 'is there twice'],
    ['{ headers: { X-A: 1, x-a: 2 } }', 'the header "x-a" is there twice'],
    ['{ request_headers: { set: { "a b": c } } }', 'this is not a header name'],
    ['{ request_headers: { set: { a: "b\\nc" } } }', 'a header value is one line'],
    ['{ request_headers: { set: { Content-Length: 5 } } }', 'the header "Content-Length" cannot be edited'],
    [
      '{ response_headers: { add: { transfer-encoding: chunked } } }',
      'the header "transfer-encoding" cannot be edited',
    ],
    ['{ request_headers: { remove: [a, X-Request-Id] } }', 'the header "X-Request-Id" cannot be edited'],
    ['/a, /a', 'the same requests are routed at /app/pando.yaml:4 (services.users.routes[0]) already'],
    ['/a, { path: /a/ }', 'the same requests are routed'],
  ])('in the route %s', (written, expected) => {
    expect(listed(`${short}    routes: [${written}]\n`).join('\n')).toContain(expected)
  })

  it.each([
    ['{ max_head: 0 }', 'gateway.limits.max_head: every request would be refused'],
    ['{ max_head: 10G }', 'gateway.limits.max_head: whoever opens connections could fill the memory with heads'],
    ['{ max_target: 0 }', 'gateway.limits.max_target: every request would be refused'],
    ['{ max_target: 64K }', 'gateway.limits.max_target: the target is a part of the head, which may have 32K'],
    ['{ max_connections_per_client: few }', 'gateway.limits.max_connections_per_client: '],
    ['{ max_target: 8K, max_head: 4K }', 'the target is a part of the head, which may have 4K'],
  ])('in the limits %s', (written, expected) => {
    expect(listed(`${short}gateway: { limits: ${written} }\n`).join('\n')).toContain(expected)
  })

  it('of routes that no HTTP can take', () => {
    expect(listed('services:\n  a: { command: x, protocol: tcp, routes: [/a] }\n').join()).toContain(
      'protocol tcp, and routes carry HTTP',
    )
    expect(listed('services:\n  a: { command: x, protocol: none, routes: [/a] }\n').join()).toContain(
      'set "protocol: http"',
    )
  })

  it.each(['h2c', 'grpc'])('are not routes to what speaks %s, nor worth a warning', (protocol) => {
    const result = readFrom(`services:\n  a: { command: x, protocol: ${protocol}, routes: [/a] }\n`)
    expect(result.kind === 'read' && result.warnings).toEqual([])
  })

  it('of the same route in two services', () => {
    expect(listed('services:\n  a: { command: x, routes: [/s] }\n  b: { command: x, routes: [/s] }\n')).toEqual([
      '3:29 services.b.routes[0]: the same requests are routed at /app/pando.yaml:2 (services.a.routes[0]) already (take one out, or share one route out with "backends" and weights)',
    ])
  })

  it('of a folder that tells nothing, unless a command does', () => {
    const folders = { '/app/users': ['README.md', 'notes.txt'], '/app/image': ['Dockerfile'] }
    expect(listed(short, { folders })).toEqual([
      '3:12 services.users.build: what kind of program is in "/app/users" cannot be told: it holds README.md, notes.txt (write how to start it under "command", or one of python, node, go, rust, java-maven, dockerfile under "build.kind")',
    ])
    const { build, container } = appOf('services:\n  a: { build: image }\n', { folders }).services['a']!.revision
    expect([build.kind, container?.image]).toEqual(['dockerfile', null])
    expect(appOf(`${short}    command: ./run\n`, { folders }).services['users']?.revision.build.kind).toBe('none')
  })

  it('do not follow from other mistakes: a mistyped field is not missing as well', () => {
    expect(listed('services:\n  a: { biuld: . }\n')).toEqual([
      '2:8 services.a.biuld: unknown key "biuld" (did you mean "build"?)',
    ])
    const text =
      'services:\n  a: { command: x, depends_on: { b: { condition: service_completed_successfully } } }\n  b: { command: x, restart: never }\n'
    expect(listed(text)).toHaveLength(1)
  })
})

it('says that an old version has no meaning, and goes on', () => {
  const result = readFrom(`version: "3.8"\n${short}`)
  expect(result.kind === 'read' && result.warnings.map(({ line, message }) => `${line} ${message}`)).toEqual([
    '1 "version" has no meaning',
  ])
})

it('reads a service in a container, strict unless it says otherwise', () => {
  const text = `services:
  a: { image: "x:1", secrets: [t], volumes: ["./d:/d:ro", "v:/v"] }
  b: { image: x, read_only: false, cap_add: [CAP_CHOWN], user: nobody, pids_limit: 9, tmpfs: /run, port: 80, replicas: 2 }
secrets: { t: { file: ./t.txt } }
volumes: { v: }
`
  const { a, b } = appOf(text).services
  expect(a!.revision.container).toEqual({
    image: 'x:1',
    mounts: [
      { kind: 'bind', source: '/app/d', target: '/d', isReadOnly: true },
      { kind: 'volume', source: 'v', target: '/v', isReadOnly: false },
    ],
    secrets: [{ name: 't', file: '/app/t.txt', target: '/run/secrets/t' }],
    security: { isRootReadOnly: true, capAdd: [], user: null, pidsLimit: 256 },
  })
  expect(b!.revision.container).toMatchObject({
    mounts: [{ kind: 'tmpfs', target: '/run' }],
    security: { isRootReadOnly: false, capAdd: ['CHOWN'], user: 'nobody', pidsLimit: 9 },
  })
})
