import { describe, expect, it } from 'vitest'
import { answering, endpoint, eventually, exchange, rawServer, serve, table } from './plane.js'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const request = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx'
const services = (holdMs: number) => [
  { name: 'web', protocol: 'http', balancer: 'round_robin', onDemand: { holdMs } } as const,
]

describe('a request to a service that sleeps', () => {
  it('is told at once, waits longer than others, and is sent once when an endpoint comes', async () => {
    let requests = 0
    const upstream = await rawServer(
      answering(() => {
        requests++
        return ok
      }),
    )
    const limits = { pendingTimeoutMs: 50 }
    const { plane, port } = await serve({ endpoints: [], services: services(20_000), limits })
    let told = 0
    plane.onHeld(() => told++)
    const answers = [1, 2, 3].map(() => exchange(port, request))
    await eventually(() => plane.held()['web'] === 3)
    expect(told).toBe(3)
    await new Promise((resolve) => setTimeout(resolve, 200))
    await plane.apply(table({ endpoints: [endpoint('web', upstream.port)], services: services(20_000), limits }))
    for (const text of await Promise.all(answers)) expect(text).toMatch(/ok$/)
    expect(requests).toBe(3)
    expect(plane.held()).toEqual({})
  })

  it('is answered 503 with Retry-After when it was held for long enough', async () => {
    const { port } = await serve({ endpoints: [], services: services(100), limits: { pendingTimeoutMs: 20_000 } })
    expect(await exchange(port, request)).toMatch(
      /^HTTP\/1\.1 503 [^]*\r\nRetry-After: 1\r\n[^]*"reason":"activation_timeout"/,
    )
  })

  it('is answered 503 at once when as many wait as may', async () => {
    const { port } = await serve({ endpoints: [], services: services(400), limits: { maxPending: 2 } })
    const texts = await Promise.all([1, 2, 3].map(() => exchange(port, request)))
    const reasons = texts.map((text) => /"reason":"(\w+)"/.exec(text)?.[1]).sort()
    expect(reasons).toEqual(['activation_timeout', 'activation_timeout', 'overloaded'])
  })

  it('is held by nobody for a service that is down and does not sleep', async () => {
    const { plane, port } = await serve({ endpoints: [], limits: { pendingTimeoutMs: 100 } })
    const answer = exchange(port, request)
    expect(plane.held()).toEqual({})
    expect(await answer).toContain('"reason":"no_healthy_endpoint"')
  })
})
