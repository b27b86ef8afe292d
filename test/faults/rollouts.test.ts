import { existsSync, readFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { NumberedLoad, type LoadResult } from '../support/numbered-load.js'
import { isAlive } from '../support/processes.js'
import { TemporaryApp } from '../support/temporary-app.js'

let app: TemporaryApp

interface Version {
  readonly name: string
  readonly command?: string
  readonly rollout?: string
}

function write({ name, command = 'exec node echo.mjs', rollout = '{ min_healthy_time: 500ms }' }: Version): void {
  app.writeManifest(
    `
  work:
    build: ./echo
    command: ${command}
    healthcheck: { http: /healthz, interval: 500ms }
    replicas: 2
    rollout: ${rollout}
    environment:
      PROCESSED: ${app.file('processed')}
      VERSION: ${name}
    routes: [/work]`,
    { gateway: '  workers: 2' },
  )
}

const apply = async (): Promise<void> => void (await app.run('up', '-d'))

beforeEach(async () => {
  app = await TemporaryApp.create('  none: { command: "true" }')
  write({ name: 'first' })
  await app.up()
  await ended('succeeded')
}, 120_000)

afterEach(() => app?.dispose(), 60_000)

/** Awaits the end of the present rollout, with nothing of another revision left. */
async function ended(state: 'succeeded' | 'failed', timeoutMs = 70_000): Promise<string> {
  return until(
    `the rollout has ${state}`,
    async () => {
      const { rollout, instances, revision } = await app.service('work')
      const isOne = instances.length === 2 && instances.every((one) => one.revision === revision)
      return rollout?.state === state && rollout.to === revision && isOne && revision
    },
    { timeoutMs },
  )
}

const load = (): NumberedLoad =>
  new NumberedLoad({
    port: app.gatewayPort,
    path: '/work',
    connections: 4,
    postEvery: 4,
    maxRequests: 60_000,
    pauseMs: 2,
  })

function expectNothingLost(result: LoadResult): void {
  expect(result.failedIdempotent).toEqual([])
  expect(result.failedOther).toEqual([])
  const numbers = existsSync(app.file('processed'))
    ? readFileSync(app.file('processed'), 'utf8').trim().split('\n')
    : []
  expect(numbers.filter((number, index) => numbers.indexOf(number) !== index)).toEqual([])
}

test('a good deploy, and one in whose midst the control plane is killed, fail nothing', async () => {
  const first = (await app.service('work')).revision
  const client = load()
  write({ name: 'second' })
  await apply()
  const second = await ended('succeeded')
  expect(second).not.toBe(first)
  write({ name: 'third' })
  const applied = apply()
  const midst = await until('the third is under way', async () => {
    const status = await app.status()
    return status.services[0]!.rollout?.state === 'progressing' && status
  })
  process.kill(midst.pid, 'SIGKILL')
  await until('it is gone', () => !isAlive(midst.pid))
  await applied
  await app.up()
  expect(await ended('succeeded')).not.toBe(second)
  expectNothingLost(await client.stop())
}, 180_000)

test.each([
  ['crashes in a loop', 'exit 3'],
  ['never becomes healthy', 'exec sleep 1000'],
])(
  'a deploy that %s is rolled back within a minute, and fails nothing',
  async (_, command) => {
    const good = (await app.service('work')).revision
    const client = load()
    write({ name: 'bad', command: `"${command}"` })
    const applied = apply()
    const startedAt = await until('it has begun', async () => {
      const { rollout } = await app.service('work')
      return (rollout?.to !== good || rollout.isRollback) && Date.now()
    })
    const service = await until(
      'it is rolled back',
      async () => {
        const now = await app.service('work')
        return now.rollout?.isRollback === true && now.rollout.state === 'succeeded' && now
      },
      { timeoutMs: 75_000 },
    )
    expect(service.rollout!.since - startedAt).toBeLessThanOrEqual(60_000)
    expect(await ended('succeeded')).toBe(good)
    await applied
    expectNothingLost(await client.stop())
  },
  180_000,
)

test.each([
  [500, /judged worse: \d+(\.\d+)? % of \d+ requests failed/],
  // Five of these in a row and the gateway sends it no more: that is figures enough.
  [503, /judged worse: (the gateway left an instance alone, after \d+ errors|\d+)/],
])(
  'a canary that answers %i is judged by the gateway’s figures and rolled back, with the numbers',
  async (status, reason) => {
    const good = (await app.service('work')).revision
    const client = load()
    const script = `require("http").createServer((q,s)=>{s.statusCode=q.url==="/healthz"?200:${status};s.end()}).listen(process.env.PORT,"127.0.0.1")`
    const rollout = '{ strategy: canary, min_healthy_time: 500ms, steps: [{ weight: 10, pause: 60s }] }'
    write({ name: 'bad', command: JSON.stringify(['node', '-e', script]), rollout })
    const applied = apply()
    const service = await until(
      'it is rolled back',
      async () => {
        const now = await app.service('work')
        return now.rollout?.isRollback === true && now.rollout.state === 'succeeded' && now
      },
      { timeoutMs: 75_000 },
    )
    expect(service.revision).toBe(good)
    expect(service.rollout!.reason).toMatch(reason)
    await applied
    const result = await client.stop()
    // What the canary answered is its own; all else was answered well, and its share was a tenth.
    expect(result.failedIdempotent.filter((failure) => !failure.includes(`: ${status}`))).toEqual([])
    expect(result.failedIdempotent.length).toBeGreaterThan(0)
  },
  180_000,
)
