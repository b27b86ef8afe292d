import { connect } from 'node:net'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { config, edge, endpoint, fetchOnce, isAlive, Sandbox, table, waitUntil } from './gateway-process.js'
import { CountingUpstream, NumberedLoad } from './numbered-load.js'

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

function portOf(readiness: { listeners: Readonly<Record<string, { port: number }>> }): number {
  return readiness.listeners['edge']?.port ?? 0
}

/** The paths in an access log. */
function pathsIn(file: string): string[] {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  return lines.map((line) => (JSON.parse(line) as { path: string }).path)
}

function doubled(): string[] {
  return [...upstream.seen].filter(([, times]) => times > 1).map(([path]) => path)
}

describe('a gateway worker that is killed under load', () => {
  it('takes only its own connections with it, refuses none, doubles nothing, and is replaced', async () => {
    const gateway = await sandbox.startStatic(table(1, [endpoint('u1', upstreamPort)], config([edge(0)])), 2)
    const { pids, listeners } = await gateway.until()
    const clients = 16
    const load = new NumberedLoad({ port: portOf({ listeners }), clients, isKeepAlive: true, method: 'POST' })
    await waitUntil(() => load.answered > 500)
    process.kill(pids[0] as number, 'SIGKILL')
    await gateway.until((readiness) => readiness.ready && !readiness.pids.includes(pids[0] as number))
    const before = load.answered
    await waitUntil(() => load.answered > before + 500)
    const result = await load.stop()
    expect(result.wrong).toEqual([])
    expect(result.failed.filter((code) => code === 'ECONNREFUSED')).toEqual([])
    expect(result.failed.length).toBeLessThanOrEqual(clients)
    expect(result.answered + result.failed.length).toBe(result.sent)
    expect(doubled()).toEqual([])
    expect((await gateway.until()).pids).toHaveLength(2)
  })

  it('keeps every new connection waiting, not refused, when all workers are killed at once', async () => {
    const gateway = await sandbox.startStatic(table(1, [endpoint('u1', upstreamPort)], config([edge(0)])), 2)
    const { pids, listeners } = await gateway.until()
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => fetchOnce(portOf({ listeners }), `/${index}`)),
    )
    expect(answers.map(({ status, body }) => `${status} ${body}`)).toEqual(answers.map((_, index) => `200 /${index}`))
    expect((await gateway.until()).pids.filter((pid) => pids.includes(pid))).toEqual([])
  })
})

describe('many connections at once', () => {
  it('are shared by the workers, also those that one of them accepted for all', async () => {
    const gateway = await sandbox.startStatic(table(1, [endpoint('u1', upstreamPort)], config([edge(0)])), 2)
    const { listeners } = await gateway.until()
    const port = portOf({ listeners })
    const held = Promise.all(Array.from({ length: 100 }, (_, index) => fetchOnce(port, `/hold/${index}`)))
    await waitUntil(() => upstream.held.length === 100)
    // Each worker may be one and an eighth of the mean, and what it knows of the mean may be a moment old.
    const { connections } = await gateway.until(
      (readiness) => Object.values(readiness.connections).reduce((sum, count) => sum + count, 0) === 100,
    )
    for (const count of Object.values(connections)) expect(count).toBeGreaterThanOrEqual(25)
    upstream.release()
    expect((await held).map(({ status, body }) => `${status} ${body}`)).toEqual(Array(100).fill('200 held'))
  })
})

describe('replacing the workers (SIGUSR2)', () => {
  it('fails no request on a new connection, and lets what is in flight finish', async () => {
    const gateway = await sandbox.startStatic(table(1, [endpoint('u1', upstreamPort)], config([edge(0)])), 2)
    const { pids, listeners } = await gateway.until()
    const port = portOf({ listeners })
    const held = Promise.all(Array.from({ length: 6 }, (_, index) => fetchOnce(port, `/hold/${index}`)))
    await waitUntil(() => upstream.held.length === 6)
    const load = new NumberedLoad({ port, clients: 4, isKeepAlive: false })
    await waitUntil(() => load.answered > 50)
    gateway.child.kill('SIGUSR2')
    await gateway.until((readiness) => readiness.pids.length > 2)
    await waitUntil(() => load.answered > 200)
    upstream.release()
    expect((await held).map(({ status, body }) => `${status} ${body}`)).toEqual(Array(6).fill('200 held'))
    await gateway.until(({ ready, pids: now }) => ready && now.length === 2 && !now.some((pid) => pids.includes(pid)))
    const result = await load.stop()
    expect(result.failed).toEqual([])
    expect(result.wrong).toEqual([])
    expect(doubled()).toEqual([])
    expect(pids.filter(isAlive)).toEqual([])
  })

  it('fails no request of busy clients that keep their connections', async () => {
    const gateway = await sandbox.startStatic(table(1, [endpoint('u1', upstreamPort)], config([edge(0)])), 2)
    const { pids, listeners } = await gateway.until()
    const load = new NumberedLoad({ port: portOf({ listeners }), clients: 8, isKeepAlive: true, method: 'POST' })
    await waitUntil(() => load.answered > 200)
    gateway.child.kill('SIGUSR2')
    await gateway.until(({ ready, pids: now }) => ready && now.length === 2 && !now.some((pid) => pids.includes(pid)))
    const result = await load.stop()
    expect(result.failed).toEqual([])
    expect(result.wrong).toEqual([])
    expect(doubled()).toEqual([])
  })

  it('keeps counting over the workers that are gone', async () => {
    const gateway = await sandbox.startStatic(table(1, [endpoint('u1', upstreamPort)], config([edge(0)])), 1)
    const { pids, listeners } = await gateway.until()
    for (let index = 0; index < 5; index++) await fetchOnce(portOf({ listeners }), `/${index}`)
    const line = 'pando_gateway_requests_total{route="users/0",service="users",code_class="2xx"} 5'
    expect(await gateway.metrics()).toContain(line)
    process.kill(pids[0] as number, 'SIGKILL')
    await gateway.until(({ ready, pids: now }) => ready && !now.includes(pids[0] as number))
    const metrics = await gateway.metrics()
    expect(metrics).toContain(line)
    expect(metrics).toContain('pando_gateway_worker_restarts_total 1')
  })
})

describe('stopping the gateway', () => {
  it('finishes what is in flight, accepts nothing new and leaves nothing (SIGTERM)', async () => {
    const gateway = await sandbox.startStatic(table(1, [endpoint('u1', upstreamPort)], config([edge(0)])), 2)
    const { pids, listeners } = await gateway.until()
    const port = portOf({ listeners })
    const held = fetchOnce(port, '/hold')
    await waitUntil(() => upstream.held.length === 1)
    gateway.child.kill('SIGTERM')
    await waitUntil(() =>
      fetchOnce(port, '/new').then(
        () => false,
        () => true,
      ),
    )
    upstream.release()
    expect(await held).toEqual({ status: 200, body: 'held' })
    expect(await gateway.exited).toEqual({ code: 0, signal: null })
    expect(pids.filter(isAlive)).toEqual([])
    expect(await gateway.ready()).toBeNull()
  })

  it('cuts what does not end within the limit', async () => {
    const gateway = await sandbox.startStatic(table(1, [endpoint('u1', upstreamPort)], config([edge(0)])), 1, [
      '--drain-timeout',
      '200',
    ])
    const { listeners } = await gateway.until()
    const held = fetchOnce(portOf({ listeners }), '/hold').then(
      () => 'answered',
      () => 'cut',
    )
    await waitUntil(() => upstream.held.length === 1)
    gateway.child.kill('SIGTERM')
    expect(await gateway.exited).toEqual({ code: 0, signal: null })
    expect(await held).toBe('cut')
  })

  it('leaves no orphan when the primary is killed, and the next one takes the same port', async () => {
    const first = await sandbox.startStatic(table(1, [endpoint('u1', upstreamPort)], config([edge(0)])), 2)
    const { pids, listeners } = await first.until()
    const port = portOf({ listeners })
    const held = fetchOnce(port, '/hold')
    await waitUntil(() => upstream.held.length === 1)
    first.child.kill('SIGKILL')
    await first.exited
    const second = await sandbox.startStatic(table(1, [endpoint('u1', upstreamPort)], config([edge(port)])), 1)
    await second.until(({ listeners: now }) => now['edge'] !== undefined)
    expect((await fetchOnce(port, '/next')).body).toBe('/next')
    upstream.release()
    expect(await held).toEqual({ status: 200, body: 'held' })
    await waitUntil(() => !pids.some(isAlive))
  })
})

describe('a static table', () => {
  it('is read again on SIGHUP; a broken one changes nothing', async () => {
    const endpoints = [endpoint('u1', upstreamPort)]
    const gateway = await sandbox.startStatic(table(1, endpoints, config([edge(0)], '/a')), 2)
    const { listeners } = await gateway.until()
    const port = portOf({ listeners })
    expect((await fetchOnce(port, '/a')).status).toBe(200)
    expect((await fetchOnce(port, '/b')).status).toBe(404)
    sandbox.writeTable(table(1, endpoints, config([edge(0)], '/b')))
    gateway.child.kill('SIGHUP')
    await gateway.until(({ applied }) => applied === 2)
    expect((await fetchOnce(port, '/a')).status).toBe(404)
    expect((await fetchOnce(port, '/b')).status).toBe(200)
    writeFileSync(sandbox.tableFile, '{')
    gateway.child.kill('SIGHUP')
    await waitUntil(() => gateway.output.includes('was not read again'))
    expect((await fetchOnce(port, '/b')).status).toBe(200)
  })

  it('waits for a port that is taken, says so, and opens it when it is free', async () => {
    const other = new CountingUpstream()
    const port = await other.listen()
    const gateway = await sandbox.startStatic(
      table(1, [endpoint('u1', upstreamPort)], config([edge(0), edge(port, 'second')])),
      1,
    )
    const { listenerErrors } = await gateway.until()
    expect(listenerErrors).toEqual({ second: `port ${port} on 127.0.0.1 is taken by another process` })
    await other.close()
    await gateway.until(({ listenerErrors: errors }) => Object.keys(errors ?? {}).length === 0)
    expect((await fetchOnce(port, '/x')).body).toBe('/x')
  })
})

describe('the access log', () => {
  it('goes on in a new file after a rotation (SIGUSR1), from all workers whole lines', async () => {
    const path = join(sandbox.folder, 'access.log')
    const shared = config([edge(0)], '/', path)
    const gateway = await sandbox.startStatic(table(1, [endpoint('u1', upstreamPort)], shared), 2)
    const { listeners } = await gateway.until()
    const port = portOf({ listeners })
    for (let index = 0; index < 20; index++) await fetchOnce(port, `/before/${index}?secret=1`)
    await waitUntil(() => readFileSync(path, 'utf8').split('\n').length === 21)
    renameSync(path, `${path}.1`)
    gateway.child.kill('SIGUSR1')
    await waitUntil(() => existsSync(path))
    await waitUntil(async () => {
      await fetchOnce(port, '/after')
      return readFileSync(path, 'utf8').includes('/after')
    })
    expect(new Set(pathsIn(`${path}.1`).filter((each) => each !== '/after'))).toEqual(
      new Set(Array.from({ length: 20 }, (_, index) => `/before/${index}`)),
    )
    expect(readFileSync(`${path}.1`, 'utf8')).not.toContain('secret')
  })
})

describe('a state directory with a path too long for a socket', () => {
  it('costs the admin socket, not the traffic', async () => {
    const long = join(sandbox.folder, 'x'.repeat(100))
    mkdirSync(long)
    sandbox.writeTable(table(1, [endpoint('u1', upstreamPort)], config([edge(0)])))
    const socket = join(sandbox.folder, 'gateway.sock')
    const args = ['--table', sandbox.tableFile, '--workers', '1', '--state-dir', long]
    const blind = sandbox.start(args)
    await waitUntil(() => blind.output.includes('no admin socket'))
    expect(blind.child.exitCode).toBeNull()
    await sandbox.start([...args, '--admin-socket', socket]).until()
  })
})

describe('starting wrongly', () => {
  it('is told in a sentence, with the exit code that says whose mistake it is', async () => {
    const usage = sandbox.start(['--workers', '1'])
    expect(await usage.exited).toEqual({ code: 2, signal: null })
    await usage.closed
    expect(usage.output).toContain('give either --control-socket or --table')
    const missing = sandbox.start(['--table', join(sandbox.folder, 'none.json')])
    expect(await missing.exited).toEqual({ code: 1, signal: null })
    await missing.closed
    expect(missing.output).toContain('cannot be read')
    expect(usage.output + missing.output).not.toMatch(/^\s+at /m)
  })

  it('yields to a gateway that runs in the same state directory', async () => {
    const first = await sandbox.startStatic(table(1, [], config([edge(0)])), 1)
    const second = sandbox.start(['--table', sandbox.tableFile, '--workers', '1'])
    expect(await second.exited).toEqual({ code: 1, signal: null })
    await second.closed
    expect(second.output).toContain('another gateway runs')
    expect((await first.until()).ready).toBe(true)
  })
})

describe('a connection that only waits', () => {
  it('is closed when its worker drains', async () => {
    const gateway = await sandbox.startStatic(table(1, [endpoint('u1', upstreamPort)], config([edge(0)])), 1)
    const { listeners } = await gateway.until()
    const idle = connect(portOf({ listeners }), '127.0.0.1')
    const closed = new Promise((resolve) => idle.on('close', resolve))
    await new Promise((resolve) => idle.on('connect', resolve))
    gateway.child.kill('SIGTERM')
    await closed
    expect(await gateway.exited).toEqual({ code: 0, signal: null })
  })
})
