import { afterEach, beforeEach, expect, it } from 'vitest'
import { config, edge, endpoint, Sandbox, table, waitUntil } from './gateway-process.js'
import { Http2Load } from '../support/http2-load.js'
import { CountingUpstream } from './numbered-load.js'

let sandbox: Sandbox
let upstream: CountingUpstream
let upstreamPort = 0

beforeEach(async () => {
  sandbox = new Sandbox()
  upstream = new CountingUpstream()
  upstreamPort = await upstream.listen()
})

afterEach(async () => {
  await sandbox.close()
  await upstream.close()
})

it('fails and doubles no request of HTTP/2 clients when the workers are replaced', async () => {
  const gateway = await sandbox.startStatic(table(1, [endpoint('u1', upstreamPort)], config([edge(0)])), 2)
  const { pids, listeners } = await gateway.until()
  const load = new Http2Load(`http://127.0.0.1:${listeners['edge']?.port}`, { connections: 4, streams: 8 })
  await waitUntil(() => load.answered > 500)
  gateway.child.kill('SIGUSR2')
  await gateway.until(({ ready, pids: now }) => ready && now.length === 2 && !now.some((pid) => pids.includes(pid)))
  const { answered } = load
  await waitUntil(() => load.answered > answered + 200)
  await load.stop()
  expect(load.failed).toEqual([])
  // Every connection had to be left.
  expect(load.sessions).toBeGreaterThanOrEqual(8)
  expect([...upstream.seen].filter(([, times]) => times > 1)).toEqual([])
}, 60_000)
