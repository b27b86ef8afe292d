import { HttpDataPlane } from '@pando/gateway'
import { expect, it } from 'vitest'
import { answering, cleanUp, edge, endpoint, exchange, ok, portOf, rawServer, table } from './plane.js'

const mesh = { kind: 'mesh', name: 'mesh/web', address: { host: '127.0.0.1', port: 0 }, service: 'web' } as const
const request = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

const noop = (): void => {}

it('a worker that is late refuses who comes from outside, and serves the mesh', async () => {
  let now = 0
  let turn: () => void = noop
  const clock = {
    now: () => now,
    every: (_: number, callback: () => void) => {
      turn = callback
      return () => {}
    },
  }
  const upstream = await rawServer(answering(() => ok))
  const plane = new HttpDataPlane({ clock })
  cleanUp(() => plane.close(0))
  const given = table({ endpoints: [endpoint('web', upstream.port)], listeners: [edge, mesh] })
  await plane.apply({ ...given, config: { ...given.config, shedAboveMs: 300 } })
  const pass = (ms: number, times: number): void => {
    for (let time = 0; time < times; time++) {
      now += ms
      turn()
    }
  }
  const [outside, inside] = [portOf(plane, 'edge'), portOf(plane, 'mesh/web')]
  pass(100, 30)
  expect(await exchange(outside, request)).toMatch(/ok$/)
  pass(600, 5)
  expect(await exchange(outside, request)).toMatch(/^HTTP\/1\.1 503 [^]*Retry-After: 1\r\n[^]*"reason":"overloaded"/)
  expect(await exchange(inside, request)).toMatch(/ok$/)
  pass(100, 5)
  expect(await exchange(outside, request)).toMatch(/ok$/)
  pass(600, 5)
  await plane.apply(given)
  expect(await exchange(outside, request)).toMatch(/ok$/)
})
