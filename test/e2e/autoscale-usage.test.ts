import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { TemporaryApp } from '../support/temporary-app.js'

// While the file is there: a fifth of a core at most, however long it has to wait for it.
const burner = `
import { existsSync } from 'node:fs'
setInterval(() => {
  const begin = process.cpuUsage()
  while (existsSync(process.env.BURN) && process.cpuUsage(begin).user < 20_000);
}, 100)
`
const holderMiB = 160
const holder = `
import { existsSync } from 'node:fs'
let held = null
setInterval(() => {
  if (!existsSync(process.env.HOLD)) {
    held = null
    gc()
  } else held ??= Buffer.alloc(${holderMiB} * 2 ** 20, 1)
}, 100)
`
const pace = 'scale_up: { period: 1s }, scale_down: { stabilization: 1s, period: 1s }'

let app: TemporaryApp

beforeAll(async () => {
  app = await TemporaryApp.create('  none: { build: ./echo, command: node echo.mjs }')
  mkdirSync(app.file('work'))
  writeFileSync(app.file('work/burner.mjs'), burner)
  writeFileSync(app.file('work/holder.mjs'), holder)
  app.writeManifest(`
  burner:
    build: ./work
    command: exec node burner.mjs
    protocol: none
    environment: { BURN: ${app.file('burn')} }
    resources: { cpus: 0.1 }
    autoscale: { max: 2, cpu: 30%, ${pace} }
  holder:
    build: ./work
    command: exec node --expose-gc holder.mjs
    protocol: none
    environment: { HOLD: ${app.file('hold')} }
    resources: { memory: ${2 * holderMiB}M }
    autoscale: { max: 2, memory: 50%, ${pace} }`)
  await app.up()
}, 120_000)

afterAll(() => app?.dispose(), 60_000)

test.each([
  { service: 'burner', file: 'burn', reason: /burner: 1 → 2 replicas \(.*cpu/ },
  { service: 'holder', file: 'hold', reason: /holder: 1 → 2 replicas \(.*memory/ },
])(
  '$service grows with what it uses, and shrinks with it',
  async ({ service, file, reason }) => {
    const reached = (count: number) =>
      until(
        `${service} has ${count}`,
        async () => {
          const { replicas, instances } = await app.service(service)
          return replicas === count && instances.length === count
        },
        { timeoutMs: 75_000, everyMs: 250 },
      )
    await reached(1)
    writeFileSync(app.file(file), '')
    await reached(2)
    rmSync(app.file(file))
    await reached(1)
    expect((await app.run('events', service)).stdout).toMatch(reason)
  },
  180_000,
)
