import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { NumberedLoad, type LoadResult } from '../support/numbered-load.js'
import { isAlive } from '../support/processes.js'
import { TemporaryApp } from '../support/temporary-app.js'

let app: TemporaryApp

beforeEach(async () => {
  app = await TemporaryApp.create('  none: { command: "true" }')
  app.writeManifest(
    `
  work:
    build: ./echo
    command: exec node echo.mjs
    healthcheck: { http: /healthz, interval: 1s }
    replicas: 3
    environment:
      PROCESSED: ${app.file('processed')}
    routes: [/work]`,
    { gateway: '  workers: 2' },
  )
  await app.up()
}, 120_000)

afterEach(() => app?.dispose(), 60_000)

/** Numbers of the POSTs that were processed more than once. */
function duplicates(): string[] {
  if (!existsSync(app.file('processed'))) return []
  const numbers = readFileSync(app.file('processed'), 'utf8').trim().split('\n')
  return numbers.filter((number, index) => numbers.indexOf(number) !== index)
}

function lost(result: LoadResult): string[] {
  const processed = new Set(readFileSync(app.file('processed'), 'utf8').trim().split('\n'))
  return [...result.acknowledged].filter((number) => !processed.has(number))
}

const load = (): NumberedLoad =>
  new NumberedLoad({
    port: app.gatewayPort,
    path: '/work',
    connections: 8,
    postEvery: 4,
    maxRequests: 60_000,
    pauseMs: 1,
  })

describe('under a load that numbers its requests', () => {
  test('kill -9 of instances: no idempotent request fails, none is processed twice', async () => {
    const client = load()
    await until('load runs', () => client.count > 200)
    for (let round = 0; round < 6; round++) {
      const healthy = await until(
        'three are healthy',
        async () => {
          const instances = await app.healthyInstances('work')
          return instances.length === 3 && instances
        },
        { timeoutMs: 60_000 },
      )
      const before = client.count
      process.kill(healthy[round % 3]!.pid!, 'SIGKILL')
      await until('load goes on', () => client.count > before + 100)
    }
    const result = await client.stop()
    expect(result.failedIdempotent).toEqual([])
    expect(duplicates()).toEqual([])
    expect(lost(result)).toEqual([])
    expect(result.failedOther.filter((failure) => !failure.includes(': 502 '))).toEqual([])
    expect(result.servedBy.size).toBeGreaterThan(3)
  }, 180_000)

  test('kill -9 of the control plane: nothing fails, all are adopted, none is restarted', async () => {
    const client = load()
    await until('load runs', () => client.count > 200)
    const before = await app.status()
    const pids = (status: typeof before) =>
      status.services.flatMap((one) => one.instances.map((instance) => instance.pid)).sort()
    process.kill(before.pid, 'SIGKILL')
    await until('it is gone', () => !isAlive(before.pid))
    const served = client.count
    await until('the gateway serves on without it', () => client.count > served + 200)
    await app.up()
    const after = await app.status()
    expect(after.pid).not.toBe(before.pid)
    expect(pids(after)).toEqual(pids(before))
    expect(after.gateway.pid).toBe(before.gateway.pid)
    const result = await client.stop()
    expect(result.failedIdempotent).toEqual([])
    expect(result.failedOther).toEqual([])
    expect(duplicates()).toEqual([])
    expect(after.services[0]!.instances.map((one) => one.restarts)).toEqual([0, 0, 0])
  }, 120_000)

  test('an instance that dies while no control plane runs is replaced by the next one', async () => {
    const before = await app.status()
    process.kill(before.pid, 'SIGKILL')
    await until('it is gone', () => !isAlive(before.pid))
    const victim = before.services[0]!.instances[0]!
    const client = load()
    await until('load runs', () => client.count > 100)
    process.kill(victim.pid!, 'SIGKILL')
    const served = client.count
    await until('load goes on', () => client.count > served + 200)
    await app.up()
    const instances = await app.settled('work', 3)
    expect(instances.map((one) => one.pid)).not.toContain(victim.pid)
    const result = await client.stop()
    expect(result.failedIdempotent).toEqual([])
    expect(duplicates()).toEqual([])
  }, 120_000)

  test('kill -9 of a gateway worker: only its own connections break, nobody is refused', async () => {
    const client = load()
    await until('load runs', () => client.count > 200)
    const workers = app.processes().filter((pid) => isGatewayWorker(pid))
    expect(workers.length).toBe(2)
    process.kill(workers[0]!, 'SIGKILL')
    const served = client.count
    await until('load goes on', () => client.count > served + 300)
    await until('there are two workers again', () => app.processes().filter((pid) => isGatewayWorker(pid)).length === 2)
    const result = await client.stop()
    const failures = [...result.failedIdempotent, ...result.failedOther]
    expect(failures.filter((failure) => failure.includes('ECONNREFUSED'))).toEqual([])
    expect(failures.length).toBeLessThanOrEqual(8)
    expect(duplicates()).toEqual([])
  }, 120_000)

  test('kill -9 of the gateway’s primary: its workers serve until the next one has taken their ports', async () => {
    const client = load()
    await until('load runs', () => client.count > 200)
    const alone: number[] = []
    for (const hasControlPlane of [true, false]) {
      const before = await app.status()
      const workers = app.processes().filter((pid) => isGatewayWorker(pid))
      if (!hasControlPlane) {
        process.kill(before.pid, 'SIGKILL')
        await until('the control plane is gone', () => !isAlive(before.pid))
      }
      const { failedIdempotent, failedOther } = client.failures
      const [failed, served] = [failedIdempotent.length + failedOther.length, client.count]
      process.kill(before.gateway.pid!, 'SIGKILL')
      await until('load goes on', () => client.count > served + 300)
      const failedMeanwhile = failedIdempotent.length + failedOther.length - failed
      if (!hasControlPlane) {
        alone.push(failedMeanwhile)
        await app.up()
      }
      await until('the next gateway serves', async () => {
        const { gateway } = await app.status()
        return gateway.state === 'ready' && gateway.pid !== before.gateway.pid
      })
      await until('the old workers have gone', () => !workers.some(isAlive), { timeoutMs: 40_000 })
      const wanted = client.count + 300
      await until('load goes on', () => client.count > wanted)
    }
    const result = await client.stop()
    // With nobody to start another gateway, nothing was lost by that.
    expect(alone).toEqual([0])
    // Between one closing a port and the other opening it lie milliseconds; were it a second, thousands would be refused.
    const failures = [...result.failedIdempotent, ...result.failedOther]
    expect(failures.filter((failure) => !/ECONNREFUSED|ECONNRESET/.test(failure))).toEqual([])
    expect(failures.length).toBeLessThan(100)
    expect(duplicates()).toEqual([])
  }, 120_000)

  test('a rolling restart fails nothing', async () => {
    const client = load()
    await until('load runs', () => client.count > 200)
    const before = new Set((await app.healthyInstances('work')).map((one) => one.id))
    expect((await app.run('restart', 'work')).code).toBe(0)
    await until(
      'all are new',
      async () => {
        const { instances } = await app.service('work')
        return instances.length === 3 && instances.every((one) => one.phase === 'healthy' && !before.has(one.id))
      },
      { timeoutMs: 60_000 },
    )
    const result = await client.stop()
    expect(result.failedIdempotent).toEqual([])
    expect(result.failedOther).toEqual([])
    expect(duplicates()).toEqual([])
  }, 120_000)
})

describe('down', () => {
  test('after the control plane was killed, leaves no process', async () => {
    process.kill((await app.status()).pid, 'SIGKILL')
    expect((await app.run('down')).code).toBe(0)
    expect(app.processes()).toEqual([])
  }, 60_000)

  test('after the control plane and the gateway were killed, leaves no process', async () => {
    const status = await app.status()
    process.kill(status.pid, 'SIGKILL')
    process.kill(status.gateway.pid!, 'SIGKILL')
    expect((await app.run('down')).code).toBe(0)
    await until('no process is left', () => app.processes().length === 0)
  }, 60_000)

  test('after everything was killed, starts nothing only to stop it', async () => {
    const logs = (): string[] => readdirSync(app.file('.pando/logs/work')).filter((name) => name.endsWith('.log'))
    const status = await app.status()
    process.kill(status.pid, 'SIGKILL')
    for (const pid of app.processes()) process.kill(pid, 'SIGKILL')
    await until('all are gone', () => app.processes().length === 0)
    const before = logs()
    expect((await app.run('down')).code).toBe(0)
    expect(logs().filter((name) => !before.includes(name))).toEqual([])
    expect(app.processes()).toEqual([])
  }, 60_000)
})

describe('up in the foreground', () => {
  test('Ctrl-C stops everything and leaves nothing behind', async () => {
    await app.run('down')
    const attached = app.attach('up')
    await until('it is ready', async () => (await app.fetch('/work')).status === 200, { timeoutMs: 40_000 })
    attached.child.kill('SIGINT')
    await until('it has ended', () => attached.child.exitCode !== null)
    expect(attached.child.exitCode).toBe(0)
    expect(app.processes()).toEqual([])
  }, 120_000)

  test('starts a killed control plane again', async () => {
    await app.run('down')
    const attached = app.attach('up')
    const first = await until('it is up', async () => (await app.fetch('/work')).status === 200 && app.status(), {
      timeoutMs: 40_000,
    })
    process.kill(first.pid, 'SIGKILL')
    const second = await until('another control plane', async () => {
      const status = await app.status()
      return status.pid !== first.pid && status.services[0]!.state === 'ready' && status
    })
    expect(second.services[0]!.instances.map((one) => one.pid).sort()).toEqual(
      first.services[0]!.instances.map((one) => one.pid).sort(),
    )
    attached.child.kill('SIGINT')
    await until('it has ended', () => attached.child.exitCode !== null)
    expect(app.processes()).toEqual([])
  }, 120_000)
})

function isGatewayWorker(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').includes('--worker')
  } catch {
    return false
  }
}
