import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cyclesAmong, importsOf, isTest, reachableFrom, read, root, sourceFiles } from './source-tree.js'

const product = sourceFiles().filter((file) => file.startsWith('packages/') && !isTest(file))

/** What each package may import from the others. Gateway and control plane meet in the model's watch protocol and nowhere else. */
const packagesAllowed: Record<string, readonly string[]> = {
  model: [],
  gateway: ['@pando/model'],
  'control-plane': ['@pando/model'],
  cli: ['@pando/model', '@pando/gateway', '@pando/control-plane'],
}

const packageOf = (file: string): string => file.split('/')[1] ?? ''

describe('the direction of imports', () => {
  it('reads every way of importing', () => {
    const text = [
      `import a from './a.js'`,
      `import type { B } from '../b.js'`,
      `import {\n  c,\n  d,\n} from '@pando/model'`,
      `import 'node:fs'`,
      `export * from './e.js'`,
      `export type { F } from './f.js'`,
      `  const g = await import('./g.js')`,
      `fork(new URL('./h.js', import.meta.url))`,
      `// import i from './i.js'`,
      `const j = "import k from './k.js'"`,
    ].join('\n')
    expect(
      importsOf('packages/model/src/x.ts', text).map(({ specifier, isTypeOnly }) => `${specifier} ${isTypeOnly}`),
    ).toEqual([
      './a.js false',
      '../b.js true',
      '@pando/model false',
      './e.js false',
      './f.js true',
      'node:fs false',
      './g.js false',
      './h.js false',
    ])
  })

  it('knows every package', () => {
    expect([...new Set(product.map(packageOf))].toSorted()).toEqual(Object.keys(packagesAllowed).toSorted())
  })

  it('goes from the model outwards: model ← {gateway, control-plane} ← cli', () => {
    const wrong = product.flatMap((file) =>
      importsOf(file)
        .filter(
          ({ specifier }) =>
            specifier.startsWith('@pando/') &&
            !packagesAllowed[packageOf(file)]?.includes(specifier.split('/').slice(0, 2).join('/')),
        )
        .map(({ specifier }) => `${file} imports ${specifier}`),
    )
    expect(wrong).toEqual([])
  })

  it('crosses from package to package by name only', () => {
    const wrong = product.flatMap((file) =>
      importsOf(file)
        .filter((found) => found.file !== null && !found.file.startsWith(`packages/${packageOf(file)}/`))
        .map(({ specifier }) => `${file} imports ${specifier}`),
    )
    expect(wrong).toEqual([])
  })

  it('leaves the model without I/O and without packages', () => {
    const wrong = product
      .filter((file) => packageOf(file) === 'model')
      .flatMap((file) => importsOf(file).filter((found) => found.file === null && found.specifier !== 'node:crypto'))
    expect(wrong).toEqual([])
  })

  it('leaves the gateway without packages of others', () => {
    const wrong = product
      .filter((file) => packageOf(file) === 'gateway')
      .flatMap((file) => importsOf(file).map(({ specifier }) => specifier))
      .filter((specifier) => !/^(\.|node:|@pando\/model$)/.test(specifier))
    expect(wrong).toEqual([])
  })
})

/** What each room may touch beside itself, in its package; one that is not listed brings others together. */
const roomsAllowed: Record<string, readonly string[]> = {
  'control-plane/api-keys': ['api/key-control.ts', 'clock.ts', 'events/events.ts', 'store/'],
  'control-plane/autoscale': ['clock.ts'],
  'control-plane/build': [
    'clock.ts',
    'drivers/container/',
    'drivers/driver.ts',
    'drivers/process/process-table.ts',
    'logs/line-splitter.ts',
    'revisions/',
  ],
  'control-plane/certificates': ['clock.ts'],
  'control-plane/deployments': ['clock.ts', 'events/events.ts', 'store/store.ts', 'store/table.ts'],
  'control-plane/desired': [
    'api/app-control.ts',
    'api/deployment-control.ts',
    'manifest/environment.ts',
    'manifest/names.ts',
    'reconciler/state.ts',
  ],
  'control-plane/drivers': ['clock.ts', 'logs/log-files.ts', 'ports/port-holder.ts'],
  'control-plane/events': ['clock.ts', 'store/store.ts'],
  'control-plane/gateway-process': ['clock.ts', 'drivers/driver.ts'],
  'control-plane/health': ['clock.ts', 'drivers/driver.ts'],
  'control-plane/jobs': [
    'build/builder.ts',
    'clock.ts',
    'cron.ts',
    'drivers/driver.ts',
    'drivers/process/exit-code.ts',
    'events/events.ts',
    'reconciler/state.ts',
    'store/store.ts',
    'store/table.ts',
  ],
  'control-plane/logs': ['api/app-control.ts', 'clock.ts', 'drivers/driver.ts'],
  'control-plane/manifest': ['cron.ts'],
  'control-plane/ports': ['store/store.ts'],
  'control-plane/reconciler': [
    'build/builder.ts',
    'clock.ts',
    'drivers/driver.ts',
    'events/events.ts',
    'health/',
    'store/store.ts',
    'store/table.ts',
  ],
  'control-plane/registry': ['clock.ts', 'events/events.ts', 'store/store.ts'],
  'control-plane/revisions': ['clock.ts'],
  'control-plane/store': ['deployments/revision.ts', 'reconciler/state.ts'],
  'control-plane/upkeep': [
    'api/upkeep-control.ts',
    'build/built-images.ts',
    'build/image-records.ts',
    'clock.ts',
    'deployments/',
    'reconciler/state.ts',
    'revisions/',
  ],
  'control-plane/why': [
    'api/why-control.ts',
    'clock.ts',
    'events/events.ts',
    'logs/instance-logs.ts',
    'manifest/nearest.ts',
  ],
  'gateway/auth': [
    'http1/own-answer.ts',
    'http1/weight.ts',
    'metrics/',
    'policy/',
    'recent.ts',
    'route-table/header-edit.ts',
  ],
  'gateway/balancer': ['upstream-endpoint.ts'],
  'gateway/cache': ['http1/', 'metrics/gateway-metrics.ts', 'policy/', 'route-table/header-edit.ts'],
  'gateway/client-address': ['policy/', 'recent.ts', 'route-table/header-edit.ts'],
  'gateway/compression': [
    'http1/head-values.ts',
    'http1/head.ts',
    'http1/response-encoder.ts',
    'http1/weight.ts',
    'recent.ts',
    'route-table/header-edit.ts',
  ],
  'gateway/cors': ['policy/', 'route-table/header-edit.ts'],
  'gateway/fault': ['policy/', 'route-table/header-edit.ts'],
  'gateway/http2': ['exchange/', 'http1/', 'timer-wheel.ts', 'tunnel/relay.ts', 'turn-end.ts', 'upstream-endpoint.ts'],
  'gateway/metrics': ['data-plane.ts', 'grpc/grpc-status.ts', 'problem.ts'],
  'gateway/mirror': ['metrics/', 'upstream.ts'],
  'gateway/policy': [
    'auth/',
    'cache/',
    'client-address/',
    'cors/',
    'fault/',
    'http1/',
    'metrics/',
    'rate-limit/',
    'route-table/header-edit.ts',
    'security-headers/',
  ],
  'gateway/process': [
    'data-plane.ts',
    'http-data-plane.ts',
    'metrics/',
    'rate-limit/worker-shares.ts',
    'tls/ticket-key-bytes.ts',
  ],
  'gateway/rate-limit': ['client-address/address.ts', 'policy/', 'route-table/header-edit.ts'],
  'gateway/resilience': [],
  'gateway/route-table': [
    'compression/compression.ts',
    'http1/field-name.ts',
    'http1/request-view.ts',
    'http1/response-encoder.ts',
    'metrics/',
    'mirror/compiled-mirror.ts',
    'normal-path.ts',
    'policy/',
    'resilience/',
    'upstream.ts',
  ],
  'gateway/tls': ['http1/forwarded-lines.ts'],
  'gateway/security-headers': ['policy/', 'route-table/header-edit.ts'],
}

const controlPlane = 'packages/control-plane/src/'

describe('the rooms', () => {
  it.each(Object.entries(roomsAllowed))('%s touches only what it may', (name, allowed) => {
    const [parent, room] = name.split('/')
    const source = `packages/${parent}/src/`
    const wrong = product
      .filter((file) => file.startsWith(`${source}${room}/`))
      .flatMap((file) =>
        importsOf(file)
          .flatMap((found) => (found.file === null ? [] : [found.file.slice(source.length)]))
          .filter((target) => ![`${room}/`, ...allowed].some((start) => target.startsWith(start)))
          .map((target) => `${file} imports ${target}`),
      )
    expect(wrong).toEqual([])
  })

  it('lets drivers use nothing but Node, the model, the clock and their own port', () => {
    const wrong = product
      .filter((file) => file.startsWith(`${controlPlane}drivers/`))
      .flatMap((file) => importsOf(file).map(({ specifier }) => specifier))
      .filter((specifier) => !/^(\.|node:|@pando\/model$)/.test(specifier))
    expect(wrong).toEqual([])
  })

  it('keeps the plan pure: no module that acts is in its reach', () => {
    const plan = `${controlPlane}reconciler/plan.ts`
    if (!existsSync(join(root, plan))) return
    const acting = [...reachableFrom([plan])].flatMap((file) =>
      importsOf(file)
        .filter(({ specifier, isTypeOnly }) => specifier.startsWith('node:') && !isTypeOnly)
        .map(({ specifier }) => `${file} imports ${specifier}`),
    )
    expect(acting).toEqual([])
  })
})

/** Ports that are there before what implements them. */
const awaited = new Set(
  [
    'control-plane/src/api/app-control',
    'control-plane/src/build/builder',
    'control-plane/src/drivers/driver',
    'control-plane/src/health/prober',
    'control-plane/src/reconciler/state',
    'control-plane/src/reconciler/step',
    'control-plane/src/store/store',
    'gateway/src/access-log',
    'gateway/src/access-record',
    'gateway/src/http1/request-view',
    'gateway/src/ids',
    'gateway/src/timer-wheel',
  ].map((file) => `packages/${file}.ts`),
)

describe('files', () => {
  // A type may point back at an owner: it is gone when the code runs.
  it('import each other in no cycle', () => {
    expect(cyclesAmong(sourceFiles(), ({ isTypeOnly }) => !isTypeOnly).map((cycle) => cycle.join(' → '))).toEqual([])
  })

  it('are all reachable from an entry or a test', () => {
    const entries = sourceFiles().filter(
      (file) =>
        /^packages\/[^/]+\/src\/(index|main|pandod)\.ts$/.test(file) ||
        file.endsWith('.test.ts') ||
        file.startsWith('bench/'),
    )
    const reached = reachableFrom(entries)
    expect(sourceFiles().filter((file) => !reached.has(file) && !awaited.has(file))).toEqual([])
  })

  it('import only what is there', () => {
    const missing = sourceFiles().flatMap((file) =>
      importsOf(file)
        .filter((found) => found.file?.endsWith('.js') === true && !existsSync(join(root, found.file)))
        .map(({ specifier }) => `${file} imports ${specifier}`),
    )
    // Strings in this folder's tests stand for files that need not exist.
    expect(missing.filter((line) => !line.startsWith('test/house/'))).toEqual([])
  })

  it('declare what they import', () => {
    const wrong = product.flatMap((file) => {
      const manifest = JSON.parse(read(`packages/${packageOf(file)}/package.json`)) as {
        dependencies?: Record<string, string>
      }
      return importsOf(file)
        .map(({ specifier }) => specifier)
        .filter((specifier) => !/^(\.|node:)/.test(specifier))
        .map((specifier) =>
          specifier
            .split('/')
            .slice(0, specifier.startsWith('@') ? 2 : 1)
            .join('/'),
        )
        .filter((name) => manifest.dependencies?.[name] === undefined)
        .map((name) => `${file} imports ${name}`)
    })
    expect(wrong).toEqual([])
  })
})
