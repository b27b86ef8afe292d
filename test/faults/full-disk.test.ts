import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Finding } from '../../packages/cli/src/doctor/finding.js'
import { until } from '../support/condition.js'
import { isAlive } from '../support/processes.js'
import { TemporaryApp } from '../support/temporary-app.js'

/** Only root may mount a small file system of its own to be filled. */
const mayMount = process.platform === 'linux' && process.getuid?.() === 0

/** Writes nothing itself: a program that cannot write its log does what it does. */
const program = `import { createServer } from 'node:http'
createServer((request, response) => {
  if (request.url === '/steady/crash') process.exit(7)
  if (request.url === '/steady/sicken') process.env.SICK = 'yes'
  if (request.url === '/healthz') return response.writeHead(process.env.SICK === 'yes' ? 503 : 200).end()
  response.end(process.env.PANDO_INSTANCE)
}).listen(process.env.PORT, process.env.HOST)
`

const manifest = (version: string): string => `
  steady:
    command: exec node steady/main.mjs
    healthcheck: { http: /healthz, interval: 300ms }
    replicas: 3
    rollout: { min_healthy_time: 200ms }
    environment: { VERSION: ${version} }
    routes: [/steady]`

describe.skipIf(!mayMount)('a full disk', () => {
  let app: TemporaryApp
  const filler = (): string => join(app.stateDir, 'filler')

  beforeAll(async () => {
    app = await TemporaryApp.create(manifest('one'), { gateway: '  workers: 1\n  access_log: true' })
    mkdirSync(app.file('steady'))
    writeFileSync(app.file('steady/main.mjs'), program)
    mkdirSync(app.stateDir)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', app.stateDir])
    await app.up()
  }, 120_000)

  afterAll(async () => {
    if (app === undefined) return
    rmSync(filler(), { force: true })
    await app.run('down')
    for (const pid of app.processes()) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
    execFileSync('umount', ['--lazy', app.stateDir])
    await app.dispose()
  }, 60_000)

  /** Takes all the room there is, to the last byte. */
  function fill(): void {
    const file = openSync(filler(), 'a')
    for (let size = 65_536; size >= 1;) {
      try {
        writeSync(file, Buffer.alloc(size))
      } catch {
        size = size === 1 ? 0 : Math.floor(size / 4)
      }
    }
    closeSync(file)
  }

  const ids = async (): Promise<string[]> => (await app.healthyInstances('steady')).map(({ id }) => id).sort()
  const answers = async (count: number): Promise<Set<string>> => {
    const seen = new Set<string>()
    for (let i = 0; i < count; i++) {
      const { status, body } = await app.fetch('/steady')
      seen.add(status === 200 ? body : String(status))
    }
    return seen
  }

  test('leaves control plane and gateway alive, and requests answered', async () => {
    const before = await app.status()
    fill()
    const seen = await answers(40)
    expect([...seen].sort()).toEqual(await ids())
    const after = await app.status()
    expect([after.pid, after.gateway.pid]).toEqual([before.pid, before.gateway.pid])
  })

  test('one that falls ill gets no more requests', async () => {
    const { body: sick } = await app.fetch('/steady')
    const { address } = (await app.service('steady')).instances.find(({ id }) => id === sick)!
    await app.fetch('/steady/sicken', { port: address!.port })
    await until('only others answer', async () => {
      const seen = await answers(10)
      return !seen.has(sick) && !seen.has('503')
    })
    expect((await ids()).includes(sick)).toBe(false)
  }, 60_000)

  test('one that crashes gets no more requests, and is said to lack room where it cannot be started again', async () => {
    const before = await ids()
    await app.fetch('/steady/crash', { method: 'POST' })
    await until('it is seen', async () => {
      const { reason, instances } = await app.service('steady')
      const isReplaced = instances.some(({ id, phase }) => phase === 'healthy' && !before.includes(id))
      return isReplaced || /could not start: ENOSPC/.test(reason)
    })
    expect([...(await answers(20))].every((id) => id.startsWith('steady-'))).toBe(true)
  }, 60_000)

  test('is told with its cause and what to do, by ps and doctor, and once in the log', async () => {
    const { stdout } = await app.run('ps')
    expect(stdout).toMatch(/state\.db failed: database or disk is full.*make room on the disk that holds/)
    const doctor = await app.run('doctor', '--json')
    expect(doctor.code).toBe(1)
    const { findings } = JSON.parse(doctor.stdout) as { findings: readonly Finding[] }
    expect(findings.find(({ check }) => check === 'disk')).toMatchObject({ state: 'fail' })
    expect(findings.find(({ check }) => check === 'state')?.detail).toContain('disk is full')
  }, 60_000)

  test('refuses what could not be remembered, and says why', async () => {
    app.writeManifest(manifest('two'), { gateway: '  workers: 1\n  access_log: true' })
    const { code, stderr } = await app.run('up', '-d')
    expect(code).toBe(1)
    expect(stderr).toContain('disk is full')
    expect(stderr).toMatch(/next: make room/)
    expect([...(await answers(10))].every((id) => id.startsWith('steady-'))).toBe(true)
  }, 60_000)

  test('a control plane that is killed comes back, and takes over what runs', async () => {
    const { pid } = await app.status()
    const before = await ids()
    process.kill(pid, 'SIGKILL')
    await until('it is gone', () => !isAlive(pid))
    // The manifest cannot be applied, but what ran goes on, watched.
    await app.run('up', '-d')
    expect((await app.status()).pid).not.toBe(pid)
    expect((await ids()).filter((id) => before.includes(id))).not.toEqual([])
  }, 90_000)

  test('is over by itself once there is room: it is told, and what was refused is done', async () => {
    rmSync(filler())
    await until('nothing is wrong any more', async () => (await app.status()).faults === undefined)
    await app.settled('steady', 3)
    const { stdout } = await app.run('events', '--json')
    expect(stdout).toContain('store.recovered')
    const { code, stderr } = await app.run('up', '-d')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const settled = await app.settled('steady', 3)
    expect(new Set(settled.map(({ revision }) => revision)).size).toBe(1)
    expect(app.daemonLog().match(/the state can be written again/g)).toHaveLength(1)
  }, 90_000)
})
