import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { EchoClient } from '../gateway/grpc-echo.js'
import { root } from '../house/source-tree.js'
import { until } from '../support/condition.js'
import { TemporaryApp } from '../support/temporary-app.js'

const manifest = (version: string) => `
  echo:
    build: ./echo
    command: exec node echo.cjs
    protocol: grpc
    replicas: 2
    healthcheck: { grpc: true, interval: 100ms }
    rollout: { min_healthy_time: 0s }
    environment: { VERSION: ${version}, NODE_PATH: ${join(root, 'node_modules')} }
    routes: [{ path: /pando.test.Echo, retry: { on: [unavailable], idempotent: true } }]`

const options = '  workers: 1\n  access_log: true'

let app: TemporaryApp

beforeAll(async () => {
  app = await TemporaryApp.create(manifest('one'), { gateway: options })
  mkdirSync(app.file('echo'), { recursive: true })
  copyFileSync(join(root, 'test/support/programs/grpc/echo.cjs'), app.file('echo/echo.cjs'))
  await app.up()
}, 120_000)

afterAll(() => app?.dispose(), 60_000)

/** Clients that call one after the other until they are stopped, and what became of their calls. */
class Calls {
  readonly versions = new Map<string, number>()
  readonly instances = new Set<string>()
  readonly failures: string[] = []
  count = 0
  #isStopping = false
  readonly #loops: Promise<void>[]

  constructor(clients: number) {
    this.#loops = Array.from({ length: clients }, () => this.#run(new EchoClient(`127.0.0.1:${app.gatewayPort}`)))
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await Promise.all(this.#loops)
  }

  async #run(client: EchoClient): Promise<void> {
    while (!this.#isStopping) {
      try {
        const { answer } = await client.unary(Buffer.from('hello'), 20_000)
        const [version = '', instance = ''] = String(answer).split(' ')
        this.versions.set(version, (this.versions.get(version) ?? 0) + 1)
        this.instances.add(instance)
        this.count++
      } catch (error) {
        this.failures.push(String((error as Error).message))
      }
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
}

test('each call is balanced by itself, and a rolling deploy fails none of them', { timeout: 120_000 }, async () => {
  const calls = new Calls(3)
  await until('both instances have answered', () => calls.instances.size === 2)
  app.writeManifest(manifest('two'), { gateway: options })
  await app.up()
  await until('the new ones answer alone', async () => {
    const before = calls.versions.get('one') ?? 0
    const sofar = calls.count
    await until('more calls', () => calls.count > sofar + 20)
    return calls.versions.get('one') === before && (calls.versions.get('two') ?? 0) > 0
  })
  await calls.stop()
  expect(calls.failures).toEqual([])
  expect(calls.instances.size).toBe(4)
})

test('pando why tells of a call that failed, in the words of gRPC', async () => {
  const client = new EchoClient(`127.0.0.1:${app.gatewayPort}`)
  await expect(client.unary(Buffer.from('fail'))).rejects.toMatchObject({ code: status.INTERNAL })
  const line = await until('it is in the access log', () =>
    readFileSync(app.file('.pando/logs/access.log'), 'utf8')
      .split('\n')
      .find((one) => one.includes('"grpcStatus":"INTERNAL"')),
  )
  const { requestId, endpoint } = JSON.parse(line) as { requestId: string; endpoint: string }
  const { stdout } = await app.run('why', requestId)
  expect(stdout).toContain('/pando.test.Echo/Unary → INTERNAL in')
  expect(stdout).toContain(`${endpoint} itself answered INTERNAL`)
})

test('a call that no instance is ready for is made again, as its route says', async () => {
  const { answer } = await new EchoClient(`127.0.0.1:${app.gatewayPort}`).unary(Buffer.from('warm up'), 20_000)
  expect(String(answer)).toContain(' warm up')
  const line = await until('it is in the access log', () =>
    readFileSync(app.file('.pando/logs/access.log'), 'utf8')
      .split('\n')
      .find((one) => one.includes('"retries":2')),
  )
  expect(JSON.parse(line)).toMatchObject({ grpcStatus: 'OK', status: 200 })
})

test('an instance that is killed costs at most the calls that it had', { timeout: 120_000 }, async () => {
  const calls = new Calls(3)
  await until('some calls', () => calls.count > 20)
  const [victim] = await app.settled('echo', 2)
  process.kill(victim?.pid as number, 'SIGKILL')
  await until('it is replaced', async () => (await app.settled('echo', 2)).every(({ pid }) => pid !== victim?.pid))
  const sofar = calls.count
  await until('more calls', () => calls.count > sofar + 50)
  await calls.stop()
  expect(calls.failures.length).toBeLessThanOrEqual(3)
  for (const failure of calls.failures) expect(failure).toMatch(/^14 /)
})
