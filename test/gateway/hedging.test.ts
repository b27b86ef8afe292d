import { defaultResilience, type HedgeSpec, type RetryBudgetSpec } from '@pando/model'
import { describe, expect, it } from 'vitest'
import {
  answering,
  Client,
  endpoint,
  eventually,
  exchange,
  ok,
  rawServer,
  type RawServer,
  route,
  serve,
} from './plane.js'

const request = (method = 'GET', lines = ''): string =>
  `${method} /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${lines}\r\n`

type Plane = Awaited<ReturnType<typeof serve>>['plane']

const metric = (plane: Plane, name: string): number =>
  plane
    .metrics()
    .families.filter((family) => family.name === name)
    .flatMap((family) => family.series)
    .reduce((sum, series) => sum + (series.values[0] ?? 0), 0)

interface Asked extends RawServer {
  readonly heads: string[]
}

/** Takes requests and never answers. */
async function silent(): Promise<Asked> {
  const heads: string[] = []
  return { ...(await rawServer(answering((head) => (heads.push(head), '')))), heads }
}

async function quick(): Promise<Asked> {
  const heads: string[] = []
  return { ...(await rawServer(answering((head) => (heads.push(head), ok)))), heads }
}

async function hedging(
  servers: readonly RawServer[],
  given: { readonly hedge?: HedgeSpec; readonly retryBudget?: RetryBudgetSpec } = {},
): Promise<{ plane: Plane; port: number }> {
  const retryBudget = given.retryBudget ?? { percent: 100, minimum: 100 }
  return serve({
    endpoints: servers.map((server) => endpoint('web', server.port)),
    routes: [route('web/0', 'web', '/', { hedge: given.hedge ?? { delayMs: 20 } })],
    services: [
      {
        name: 'web',
        protocol: 'http',
        balancer: 'round_robin',
        resilience: { ...defaultResilience, ejection: null, retryBudget },
      },
    ],
  })
}

describe('a slow read', () => {
  it('is answered by the second try, and the first one is ended', async () => {
    const [slow, fast] = [await silent(), await quick()]
    const { plane, port } = await hedging([slow, fast])
    for (let turn = 0; turn < 6; turn++) expect(await exchange(port, request())).toMatch(/^HTTP\/1\.1 200 [^]*ok$/)
    const hedged = slow.heads.length
    expect(hedged).toBeGreaterThanOrEqual(2)
    expect(metric(plane, 'pando_gateway_hedges_total')).toBe(hedged)
    expect(metric(plane, 'pando_gateway_hedges_won_total')).toBe(hedged)
    expect(metric(plane, 'pando_gateway_retries_total')).toBe(0)
    await eventually(() => slow.sockets.every((socket) => socket.destroyed || socket.readableEnded))
    expect([...plane.inFlight().values()]).toEqual([])
  })

  it('is the first try’s when that answers first after all', async () => {
    const waiting: (() => void)[] = []
    const heads: string[] = []
    const first = await rawServer(
      answering((head, socket) => {
        heads.push(head)
        waiting.push(() => socket.write(ok))
        return ''
      }),
    )
    const second = await silent()
    const { plane, port } = await hedging([first, second])
    const answer = exchange(port, request())
    await eventually(() => waiting.length === 1 && second.heads.length === 1)
    waiting[0]?.()
    expect(await answer).toMatch(/ok$/)
    await eventually(() => second.sockets.every((socket) => socket.destroyed || socket.readableEnded))
    expect(metric(plane, 'pando_gateway_hedges_won_total')).toBe(0)
    expect([...plane.inFlight().values()]).toEqual([])
  })

  it('is the second try’s when the first one breaks', async () => {
    const waiting: (() => void)[] = []
    const first = await rawServer(
      answering((_, socket) => {
        waiting.push(() => socket.resetAndDestroy())
        return ''
      }),
    )
    const answers: (() => void)[] = []
    const second = await rawServer(
      answering((_, socket) => {
        answers.push(() => socket.write(ok))
        return ''
      }),
    )
    const { plane, port } = await hedging([first, second])
    const answer = exchange(port, request())
    await eventually(() => waiting.length === 1 && answers.length === 1)
    waiting[0]?.()
    await eventually(() => first.sockets.every((socket) => socket.destroyed))
    answers[0]?.()
    expect(await answer).toMatch(/ok$/)
    expect(answers).toHaveLength(1)
    expect(metric(plane, 'pando_gateway_retries_total')).toBe(0)
  })

  it('has no second try left when the client goes away', async () => {
    const [one, other] = [await silent(), await silent()]
    const { plane, port } = await hedging([one, other])
    const client = new Client(port)
    client.send(request())
    await eventually(() => one.heads.length + other.heads.length === 2)
    client.socket.resetAndDestroy()
    await eventually(() => plane.inFlight().size === 0)
    expect([...one.sockets, ...other.sockets]).toHaveLength(2)
  })
})

describe('is not tried a second time', () => {
  it.each([
    ['POST', 'Content-Length: 0\r\n'],
    ['PUT', 'Content-Length: 0\r\n'],
    ['DELETE', ''],
  ])('%s', async (method, lines) => {
    const [one, other] = [await silent(), await silent()]
    const { plane, port } = await hedging([one, other])
    const client = new Client(port)
    client.send(request(method, lines))
    await eventually(() => one.heads.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(other.heads).toEqual([])
    expect(metric(plane, 'pando_gateway_hedges_total')).toBe(0)
  })

  it('an upgrade', async () => {
    const [one, other] = [await silent(), await silent()]
    const { port } = await hedging([one, other])
    const client = new Client(port)
    client.send('GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    await eventually(() => one.heads.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(other.heads).toEqual([])
  })

  it('a read with a single endpoint', async () => {
    const only = await silent()
    const { port } = await hedging([only])
    const client = new Client(port)
    client.send(request())
    await eventually(() => only.heads.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(only.heads).toHaveLength(1)
  })

  it('more often than the retry budget allows', async () => {
    const [slow, other] = [await silent(), await silent()]
    const { plane, port } = await hedging([slow, other], { retryBudget: defaultResilience.retryBudget })
    const asked = 20
    for (let turn = 0; turn < asked; turn++) new Client(port).send(request())
    await eventually(() => metric(plane, 'pando_gateway_retries_refused_total') >= asked - 7)
    expect(metric(plane, 'pando_gateway_hedges_total')).toBe(asked * 0.2 + 3)
    expect(slow.heads.length + other.heads.length).toBeLessThanOrEqual(asked * 1.2 + 3)
  })

  it('before the 95th percentile of its route is known', async () => {
    const [slow, fast] = [await silent(), await quick()]
    const { plane, port } = await hedging([slow, fast], { hedge: { delayMs: null } })
    const client = new Client(port)
    client.send(request())
    await eventually(() => slow.heads.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(metric(plane, 'pando_gateway_hedges_total')).toBe(0)
  })
})

it('the 95th percentile is learnt from answers', async () => {
  let isSlow = false
  const one = await rawServer(answering(() => (isSlow ? '' : ok)))
  const other = await quick()
  const { plane, port } = await hedging([one, other], { hedge: { delayMs: null } })
  for (let turn = 0; turn < 60; turn++) expect(await exchange(port, request())).toMatch(/ok$/)
  isSlow = true
  for (let turn = 0; turn < 4; turn++) expect(await exchange(port, request())).toMatch(/ok$/)
  expect(metric(plane, 'pando_gateway_hedges_won_total')).toBeGreaterThanOrEqual(2)
})
