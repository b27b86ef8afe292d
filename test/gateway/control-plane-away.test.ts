import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { GatewayReport } from '@pando/model'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { config, edge, endpoint, fetchOnce, type GatewayProcess, Sandbox, table, waitUntil } from './gateway-process.js'
import { CountingUpstream, NumberedLoad } from './numbered-load.js'
import { ScriptedControlPlane } from './scripted-control-plane.js'

let sandbox: Sandbox
let upstream: CountingUpstream
let upstreamPort = 0
let controlPlane: ScriptedControlPlane
let controlSocket = ''
const shared = config([edge(0)])

beforeEach(async () => {
  sandbox = new Sandbox()
  upstream = new CountingUpstream()
  upstreamPort = await upstream.listen()
  controlSocket = join(sandbox.folder, 'control.sock')
  controlPlane = new ScriptedControlPlane(controlSocket)
})

afterEach(async () => {
  await sandbox.close()
  await controlPlane.kill()
  await upstream.close()
})

function start(workers = 2): GatewayProcess {
  return sandbox.start(['--control-socket', controlSocket, '--workers', String(workers)])
}

function last(): GatewayReport | undefined {
  return controlPlane.reports.at(-1)
}

describe('a gateway with a control plane', () => {
  it('reports a version once every worker serves by it', async () => {
    await controlPlane.start(table(1, [endpoint('u1', upstreamPort)], shared))
    const gateway = start()
    await waitUntil(() => last()?.applied === 1 && last()?.workers === 2)
    expect(last()).toMatchObject({
      gateway: 'gateway',
      pid: gateway.pid,
      epoch: 'e1',
      draining: {},
      listenerErrors: {},
    })
    controlPlane.publish(table(2, [endpoint('u1', upstreamPort), endpoint('u2', upstreamPort)], shared))
    await waitUntil(() => last()?.applied === 2)
  })

  it('reports what is in flight to a draining endpoint until nothing is, and sends it nothing new', async () => {
    const second = new CountingUpstream()
    const secondPort = await second.listen()
    await controlPlane.start(table(1, [endpoint('u1', upstreamPort)], shared))
    const gateway = start()
    const { listeners } = await gateway.until()
    const port = listeners['edge']?.port ?? 0
    const held = Promise.all([fetchOnce(port, '/hold/1'), fetchOnce(port, '/hold/2')])
    await waitUntil(() => upstream.held.length === 2)
    controlPlane.publish(table(2, [endpoint('u1', upstreamPort, 'draining'), endpoint('u2', secondPort)], shared))
    await waitUntil(() => last()?.applied === 2)
    expect(last()?.draining).toEqual({ u1: 2 })
    const seen = upstream.seen.size
    for (let index = 0; index < 20; index++) expect((await fetchOnce(port, `/${index}`)).status).toBe(200)
    expect(upstream.seen.size).toBe(seen)
    upstream.release()
    await held
    await waitUntil(() => Object.keys(last()?.draining ?? { u1: 2 }).length === 0)
    await second.close()
  })

  it('serves on without a failed request while the control plane is away, and by the new one when it is back', async () => {
    await controlPlane.start(table(5, [endpoint('u1', upstreamPort)], shared))
    const gateway = start()
    const { listeners } = await gateway.until()
    const port = listeners['edge']?.port ?? 0
    const load = new NumberedLoad({ port, clients: 4, isKeepAlive: true })
    await waitUntil(() => load.answered > 100)
    await controlPlane.kill()
    await waitUntil(() => gateway.output.includes('the control plane is away'))
    const before = load.answered
    await waitUntil(() => load.answered > before + 200)
    await controlPlane.start(table(1, [endpoint('u9', upstreamPort)], shared, 'e2'))
    await waitUntil(() => last()?.epoch === 'e2' && last()?.applied === 1)
    const result = await load.stop()
    expect(result.failed).toEqual([])
    expect(result.wrong).toEqual([])
    expect(controlPlane.watches.at(-1)).toContain('since=e1%3A5')
  })

  it('starts by the table of its last life when the control plane cannot be reached', async () => {
    await controlPlane.start(table(7, [endpoint('u1', upstreamPort)], shared))
    const first = start(1)
    await first.until()
    const file = join(sandbox.folder, 'gateway-table.json')
    await waitUntil(() => existsSync(file))
    expect(statSync(file).mode & 0o777).toBe(0o600)
    first.child.kill('SIGTERM')
    await first.exited
    await controlPlane.kill()
    const second = start(1)
    const { listeners, applied } = await second.until()
    expect(applied).toBe(7)
    expect((await fetchOnce(listeners['edge']?.port ?? 0, '/again')).body).toBe('/again')
  })

  it('is not ready before it has a table', async () => {
    const gateway = start(1)
    await waitUntil(async () => (await gateway.ready()) !== null)
    expect((await gateway.ready())?.ready).toBe(false)
    await controlPlane.start(table(1, [], shared))
    await gateway.until()
  })
})
