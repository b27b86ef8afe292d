import { afterEach, beforeEach, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { isAlive } from '../support/processes.js'
import { seededRandom } from '../support/seeded-random.js'
import { TemporaryApp } from '../support/temporary-app.js'

const services = ['front', 'back', 'side'] as const
const rounds = 20
/** What an instance waits for that was killed eight times, and its dependency, with room for a slow machine. */
const longestWaitMs = 150_000
/** `PANDO_SEED=7` chooses the same victims again; when they are hit is the machine's. */
const seed = Number(process.env['PANDO_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

let app: TemporaryApp

beforeEach(async () => {
  app = await TemporaryApp.create('  none: { command: "true" }')
  const dependent = '\n    depends_on: { back: { condition: service_healthy } }'
  app.writeManifest(service('front', dependent) + service('back') + service('side'), {
    gateway: '  workers: 2',
  })
  await app.up()
}, 120_000)

afterEach(() => app?.dispose(), 60_000)

test(`any processes killed or held at any moment: it converges, and down leaves nothing (seed ${seed})`, async () => {
  const random = seededRandom(seed)
  for (let round = 0; round < rounds; round++) {
    const held: number[] = []
    const candidates = app.processes()
    const victims = candidates.filter(() => random() < 2 / candidates.length)
    for (const pid of victims) {
      const signal = random() < 0.25 ? 'SIGSTOP' : 'SIGKILL'
      if (signal === 'SIGSTOP') held.push(pid)
      send(pid, signal)
    }
    await new Promise((resolve) => setTimeout(resolve, 300 * random()))
    for (const pid of held) send(pid, 'SIGCONT')
    // It may rightly say that a service has failed: one that was killed again and again waits before it is started.
    if (random() < 0.5 || round === rounds - 1) await app.run('up', '-d')
  }
  for (const name of services) {
    const instances = await until(
      `${name} has two healthy and nothing else`,
      async () => {
        const all = (await app.service(name)).instances
        return all.length === 2 && all.every((one) => one.phase === 'healthy') && all
      },
      { timeoutMs: longestWaitMs, everyMs: 250 },
    )
    expect(instances.map((one) => one.slot).sort()).toEqual([0, 1])
    await until(`${name} answers`, async () => (await app.fetch(`/${name}`)).status === 200)
  }
  // Control plane, gateway with two workers, and six instances of one process each.
  await until('nothing else runs', () => app.processes().length === 1 + 3 + 6)
  const status = await app.status()
  const known = [status.pid, status.gateway.pid!, ...status.services.flatMap((one) => one.instances.map((i) => i.pid!))]
  expect(known.filter((pid) => !isAlive(pid))).toEqual([])
  expect((await app.run('down')).code).toBe(0)
  expect(app.processes()).toEqual([])
}, 300_000)

function service(name: string, more = ''): string {
  return `
  ${name}:
    build: ./echo
    command: exec node echo.mjs
    healthcheck: { http: /healthz, interval: 1s }
    replicas: 2
    routes: [/${name}]${more}`
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended meanwhile.
  }
}
