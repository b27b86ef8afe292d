import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { WorkerEnds } from '@pando/model'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { config, edge, endpoint, fetchOnce, Sandbox, table, waitUntil } from './gateway-process.js'
import { CountingUpstream } from './numbered-load.js'
import { ScriptedControlPlane } from './scripted-control-plane.js'

let sandbox: Sandbox
let upstream: CountingUpstream
let controlPlane: ScriptedControlPlane
let args: string[]

beforeEach(async () => {
  sandbox = new Sandbox()
  upstream = new CountingUpstream()
  const controlSocket = join(sandbox.folder, 'control.sock')
  controlPlane = new ScriptedControlPlane(controlSocket)
  await controlPlane.start(table(1, [endpoint('u1', await upstream.listen())], config([edge(0)])))
  args = ['--control-socket', controlSocket, '--workers', '2']
})

afterEach(async () => {
  await sandbox.close()
  await controlPlane.kill()
  await upstream.close()
})

const ends = (): WorkerEnds | undefined => controlPlane.reports.at(-1)?.workerEnds

it('a worker that is killed (kill -9) is reported until the control plane has it, and is started again', async () => {
  const gateway = sandbox.start(args)
  const { pids, listeners } = await gateway.until()
  expect(ends()).toBeUndefined()
  process.kill(pids[1] as number, 'SIGKILL')
  await waitUntil(() => ends()?.told === 1)
  const first = controlPlane.reports.find(({ workerEnds }) => workerEnds !== undefined)
  expect(first?.workerEnds).toMatchObject({
    count: 1,
    told: 0,
    recent: [{ number: 1, worker: 2, workers: 2, how: 'ended by SIGKILL', hasServed: true, pauseMs: 0, error: '' }],
  })
  await gateway.until(({ ready, pids: now }) => ready && !now.includes(pids[1] as number))
  expect(await fetchOnce(listeners['edge']?.port ?? 0, '/a')).toEqual({ status: 200, body: '/a' })
  await controlPlane.kill()
  process.kill((await gateway.until()).pids[0] as number, 'SIGKILL')
  await waitUntil(async () => (await gateway.metrics()).includes('pando_gateway_worker_restarts_total 2'))
  controlPlane.reports.length = 0
  await controlPlane.start(table(1, [], config([edge(0)])))
  await waitUntil(() => controlPlane.reports.length > 0)
  expect(controlPlane.reports[0]?.workerEnds).toMatchObject({ count: 2, told: 1, recent: [{ number: 2, worker: 1 }] })
}, 30_000)

it('workers that throw as they start are reported with what they wrote, though none has ever served', async () => {
  const broken = join(sandbox.folder, 'broken.mjs')
  writeFileSync(broken, `if (process.argv.includes('--worker')) throw new RangeError('the disk is made of cheese')\n`)
  const before = process.env['NODE_OPTIONS']
  process.env['NODE_OPTIONS'] = `--import ${pathToFileURL(broken).href}`
  const gateway = sandbox.start(args)
  if (before === undefined) delete process.env['NODE_OPTIONS']
  else process.env['NODE_OPTIONS'] = before
  await waitUntil(() => (ends()?.recent.at(-1)?.inARow ?? 0) >= 5)
  expect(controlPlane.reports.at(-1)).toMatchObject({ applied: -1, workers: 0 })
  const last = ends()?.recent.at(-1)
  expect(last).toMatchObject({
    how: 'ended with exit code 1',
    hasServed: false,
    error: 'RangeError: the disk is made of cheese',
  })
  expect(last?.pauseMs).toBeGreaterThanOrEqual(100)
  expect(last?.lines.at(-1)).toMatch(/^Node\.js v/)
  expect(gateway.output).toContain('RangeError: the disk is made of cheese')
  writeFileSync(broken, '')
  await gateway.until()
  await waitUntil(() => (controlPlane.reports.at(-1)?.applied ?? -1) >= 1)
}, 60_000)
