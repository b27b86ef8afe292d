import { createHash } from 'node:crypto'
import { get as httpGet } from 'node:http'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { GatewayConfig, RateLimitSpec, RateLimitStoreSpec } from '@pando/model'
import { HttpDataPlane } from '@pando/gateway'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hasRedis, Redis } from '../support/redis.js'
import { config, edge, endpoint, fetchOnce, Sandbox, table, waitUntil } from './gateway-process.js'
import { cleanUp, endpoint as webEndpoint, httpServer, route, serve } from './plane.js'

const daily: RateLimitSpec = {
  name: 'default',
  requests: 20,
  periodMs: 86_400_000,
  burst: 20,
  key: { kind: 'address' },
  isShared: true,
}

interface Seen {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

function fetchWith(port: number, path: string, headers: Record<string, string> = {}): Promise<Seen> {
  return new Promise((resolve, reject) => {
    httpGet({ host: '127.0.0.1', port, path, headers, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => (body += text))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
    }).on('error', reject)
  })
}

/** How many of so many requests are let through. */
async function granted(ports: readonly number[], requests: number): Promise<number> {
  let count = 0
  for (let request = 0; request < requests; request++) {
    const { status } = await fetchOnce(ports[request % ports.length] as number, '/')
    if (status === 200) count++
  }
  return count
}

/** A data plane of one limited route, until the end of the test. */
async function limited(limits: readonly RateLimitSpec[], store?: RateLimitStoreSpec) {
  const upstream = await httpServer((_, response) => response.end('ok'))
  const troubles: string[] = []
  const plane = new HttpDataPlane({ onTrouble: (message) => troubles.push(message) })
  const { port } = await serve(
    {
      endpoints: [webEndpoint('web', upstream.port)],
      routes: [route('web/0', 'web', '/', { rateLimit: { limits, hasHeaders: true } })],
      ...(store === undefined ? {} : { config: { rateLimitStore: store } }),
    },
    plane,
  )
  return { port, plane, troubles }
}

describe('a limited route', () => {
  it('tells what is left, and refuses with 429 and when to come again', async () => {
    const { port } = await limited([{ ...daily, requests: 2, burst: 2 }])
    const first = await fetchWith(port, '/')
    expect(first.headers).toMatchObject({
      'ratelimit-policy': '"default";q=2;w=86400',
      ratelimit: '"default";r=1;t=43200',
    })
    await fetchWith(port, '/')
    const refused = await fetchWith(port, '/')
    expect(refused.status).toBe(429)
    expect(refused.headers).toMatchObject({ ratelimit: '"default";r=0;t=86400' })
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(43_000)
    expect(JSON.parse(refused.body)).toMatchObject({ reason: 'rate_limited', route: 'web/0' })
  })
})

const keyOf = (name: string) => `pando_${name}`.padEnd(49, 'x')

describe('a limited route with authentication', () => {
  const apiKeys = ['one', 'two'].map((name) => ({
    id: name,
    name,
    hash: createHash('sha256').update(keyOf(name)).digest('hex'),
    scopes: [],
    services: [],
    expiresAt: null,
  }))

  async function guarded(rateLimit: RateLimitSpec) {
    const upstream = await httpServer((_, response) => response.end('ok'))
    const { port } = await serve({
      endpoints: [webEndpoint('web', upstream.port)],
      routes: [
        route('web/0', 'web', '/', {
          auth: { anyOf: ['keys'], scopes: [], claims: [] },
          rateLimit: { limits: [rateLimit], hasHeaders: true },
        }),
      ],
      config: {
        authenticators: {
          keys: { kind: 'api_keys', name: 'keys', header: 'x-api-key', claimHeaders: [], forwardsCredential: false },
        },
        apiKeys,
      },
    })
    return async (key: string) => (await fetchWith(port, '/', { 'x-api-key': key })).status
  }

  it('counts by whom the key belongs to', async () => {
    const ask = await guarded({ ...daily, requests: 2, burst: 2, key: { kind: 'identity' } })
    const statuses = []
    for (const name of ['one', 'one', 'one', 'two']) statuses.push(await ask(keyOf(name)))
    expect(statuses).toEqual([200, 200, 429, 200])
  })

  it('limits guesses by their address, before they are looked at', async () => {
    const ask = await guarded({ ...daily, requests: 2, burst: 2 })
    const statuses = []
    for (const name of ['a', 'b', 'c', 'one']) statuses.push(await ask(keyOf(name)))
    expect(statuses).toEqual([401, 401, 429, 429])
  })
})

describe('a limit of a gateway with several workers', () => {
  let sandbox: Sandbox

  beforeEach(() => {
    sandbox = new Sandbox()
  })

  afterEach(() => sandbox.close())

  it("is the gateway's: whichever worker a connection comes to, the requests are counted together", async () => {
    const upstream = await httpServer((_, response) => response.end('ok'))
    const plain = config([edge(0)])
    const of: GatewayConfig = {
      ...plain,
      routes: plain.routes.map((spec) => ({ ...spec, rateLimit: { limits: [daily], hasHeaders: true } })),
    }
    const gateway = await sandbox.startStatic(table(1, [endpoint('u1', upstream.port)], of), 3)
    const { listeners } = await gateway.until()
    const port = listeners['edge']?.port ?? 0
    let count = 0
    // Each connection may come to another worker; a worker has told the others before the last of them answers 429.
    const isExhausted = async (): Promise<boolean> => {
      const answers = await Promise.all(Array.from({ length: 9 }, () => fetchOnce(port, '/')))
      count += answers.filter(({ status }) => status === 200).length
      return answers.every(({ status }) => status === 429)
    }
    await waitUntil(isExhausted)
    await waitUntil(isExhausted)
    expect(count).toBeGreaterThanOrEqual(20)
    // The bound that is documented: 3 workers × burst.
    expect(count).toBeLessThanOrEqual(60)
    expect(await granted([port], 30)).toBe(0)
  })
})

describe.skipIf(!hasRedis)('a limit in a store that several gateways share', () => {
  let redis: Redis

  beforeEach(async () => {
    redis = await Redis.start()
  })

  afterEach(() => redis.stop())

  const storeOf = (extra: Partial<RateLimitStoreSpec> = {}): RateLimitStoreSpec => ({
    url: { kind: 'url', url: `redis://127.0.0.1:${redis.port}/2` },
    timeoutMs: 2_000,
    onFailure: 'deny',
    ...extra,
  })
  /** A gateway that has reached the store, and has let one request through. */
  async function ready(store = storeOf()) {
    const gateway = await limited([daily], { ...store, onFailure: 'deny' })
    await waitUntil(async () => (await fetchOnce(gateway.port, '/')).status === 200)
    return gateway
  }

  it('is one limit: two gateways together grant exactly the burst', async () => {
    const gateways = [await ready(), await ready()]
    const ports = gateways.map(({ port }) => port)
    expect((await granted(ports, 60)) + 2).toBe(20)
    const refused = await fetchWith(ports[0] as number, '/')
    expect(refused.status).toBe(429)
    expect(refused.headers['ratelimit']).toMatch(/^"default";r=0;t=\d+$/)
    const keys = await redis.ask('SELECT 2\r\nKEYS *')
    expect(keys).toContain('pando:test:limit:web/0/default:20/86400000/20:address:a:127.0.0.1')
    expect(
      await redis.ask('SELECT 2\r\nPTTL pando:test:limit:web/0/default:20/86400000/20:address:a:127.0.0.1'),
    ).toMatch(/:8\d{7}/)
  })

  it('goes on by its own count when the store dies or hangs, and joins it again', async () => {
    const { port, plane, troubles } = await limited(
      [{ ...daily, key: { kind: 'header', name: 'x-key' } }],
      storeOf({ onFailure: 'local', timeoutMs: 50 }),
    )
    const ask = async (key: string) => (await fetchWith(port, '/', { 'x-key': key })).status
    let warming = 0
    await waitUntil(async () => {
      await ask(`warming-${warming++}`)
      return /:[1-9]/.test(await redis.ask('SELECT 2\r\nDBSIZE'))
    })
    redis.freeze()
    expect(await ask('own')).toBe(200)
    expect(troubles.at(-1)).toContain('does not answer (')
    redis.thaw()
    await waitUntil(() => troubles.at(-1) === 'the store of the rate limits answers')
    await redis.stop()
    await waitUntil(() => troubles.at(-1)?.includes('does not answer') === true)
    let status = 200
    for (let request = 0; request < 30; request++) status = await ask('own')
    expect(status).toBe(429)
    const uncounted = plane
      .metrics()
      .families.find(({ name }) => name === 'pando_gateway_rate_limit_store_failures_total')
    expect(uncounted?.series[0]?.values[0]).toBeGreaterThan(1)
  })

  it('with deny lets nothing through without it, which is a warning, and begins anew with an empty one', async () => {
    const { plane, port, troubles } = await ready()
    expect(plane.storeWarnings()).toEqual({})
    await redis.stop()
    await waitUntil(() => 'rate_limit_store' in plane.storeWarnings())
    expect(plane.authenticatorWarnings()).toEqual({})
    expect(plane.storeWarnings()['rate_limit_store']?.join()).toMatch(
      /does not answer \(.+\); meanwhile requests are refused/,
    )
    const refused = await fetchWith(port, '/')
    expect([refused.status, JSON.parse(refused.body).reason]).toEqual([503, 'rate_limit_unavailable'])
    // Its script is gone with it.
    await redis.resume()
    await waitUntil(async () => (await fetchOnce(port, '/')).status === 200)
    expect(troubles.at(-1)).toBe('the store of the rate limits answers')
    expect(plane.storeWarnings()).toEqual({})
  })

  it('says why it does not answer now, and not why it did not at first', async () => {
    const secured = await Redis.start('tell-nobody')
    cleanUp(() => secured.stop())
    await secured.stop()
    const url = `redis://127.0.0.1:${secured.port}`
    const { plane, troubles } = await limited([daily], storeOf({ url: { kind: 'url', url } }))
    const told = (): string => plane.storeWarnings()['rate_limit_store']?.join() ?? ''
    await waitUntil(() => told().includes('ECONNREFUSED'))
    await secured.resume()
    await waitUntil(() => told().includes('NOAUTH'))
    expect(troubles).toHaveLength(1)
  })

  it('takes its address with the password from a file, and tells neither when it is wrong', async () => {
    const secured = await Redis.start('tell-nobody')
    cleanUp(() => secured.stop())
    const sandbox = new Sandbox()
    cleanUp(() => sandbox.close())
    const file = join(sandbox.folder, 'redis-url')
    writeFileSync(file, `redis://:wrong-secret@127.0.0.1:${secured.port}\n`)
    const { port, troubles } = await limited([daily], {
      url: { kind: 'file', file },
      timeoutMs: 2_000,
      onFailure: 'deny',
    })
    await waitUntil(() => troubles.length > 0)
    expect(troubles.join()).toMatch(/WRONGPASS|invalid username-password/)
    expect(troubles.join()).not.toContain('wrong-secret')
    // Read again before each connection.
    writeFileSync(file, `redis://:tell-nobody@127.0.0.1:${secured.port}\n`)
    await waitUntil(async () => (await fetchOnce(port, '/')).status === 200)
  })
})
