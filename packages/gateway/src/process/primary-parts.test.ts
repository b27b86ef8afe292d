import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PandoError } from '@pando/model'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AdminServer, isSocketPath } from './admin-server.js'
import { ListeningSockets } from './listening-sockets.js'
import { parseOptions } from './options.js'
import { readStaticTable, TableFile } from './table-file.js'
import { edge, tableOf } from './tables.suite.js'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pando-primary-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

function fetchSocket(socketPath: string, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    get({ socketPath, path, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (body += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    }).on('error', reject)
  })
}

describe('ListeningSockets', () => {
  it('binds a socket that a server can listen on', async () => {
    const sockets = new ListeningSockets()
    const bound = await sockets.get(edge(0))
    if (bound.error !== null) throw new Error(bound.error)
    const server = createServer((socket) => socket.end('served'))
    await new Promise<void>((resolve) => server.listen(bound.socket, resolve))
    const answer = await new Promise<string>((resolve) => {
      connect(bound.address.port, bound.address.host).on('data', (data) => resolve(String(data)))
    })
    expect(answer).toBe('served')
    server.close()
    sockets.close()
  })

  it('gives the same socket for the same listener and a taken port for another', async () => {
    const sockets = new ListeningSockets()
    const first = await sockets.get(edge(0))
    expect(await sockets.get(edge(0))).toBe(first)
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as AddressInfo
    expect((await sockets.get(edge(port))).error).toBe(`port ${port} on 127.0.0.1 is taken by another process`)
    await new Promise((resolve) => taken.close(resolve))
    expect((await sockets.get(edge(port))).error).toBeNull()
    sockets.close()
  })

  it('lets go of what no listener wants any more', async () => {
    const sockets = new ListeningSockets()
    const bound = await sockets.get(edge(0))
    sockets.keep([])
    expect(await sockets.get(edge(0))).not.toBe(bound)
    sockets.close()
  })

  it('says in words what is wrong with an address', async () => {
    const sockets = new ListeningSockets()
    const at = (host: string) => sockets.get({ kind: 'edge', name: 'x', address: { host, port: 0 } })
    expect((await at('192.0.2.1')).error).toBe('192.0.2.1 is no address of this machine')
    expect((await at('no-such-host.invalid')).error).toContain('no-such-host.invalid has no address')
  })
})

describe('AdminServer', () => {
  const answers = {
    metrics: () => Promise.resolve('up 1\n'),
    readiness: () => ({ isReady: false, detail: { ready: false } }),
    table: () => null,
  }

  it('answers on a socket that only its owner may open', async () => {
    const path = join(folder, 'gateway.sock')
    const admin = new AdminServer(path, answers)
    await admin.open()
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(await fetchSocket(path, '/metrics')).toEqual({ status: 200, body: 'up 1\n' })
    expect(await fetchSocket(path, '/ready')).toEqual({ status: 503, body: '{"ready":false}\n' })
    expect((await fetchSocket(path, '/table')).status).toBe(503)
    expect((await fetchSocket(path, '/other')).status).toBe(404)
    await admin.close()
    expect(existsSync(path)).toBe(false)
  })

  it('takes the place of a socket that nobody answers on, and yields to one that is answered', async () => {
    const path = join(folder, 'gateway.sock')
    writeFileSync(path, '')
    const admin = new AdminServer(path, answers)
    await admin.open()
    const second = new AdminServer(path, answers)
    await expect(second.open()).rejects.toThrow('another gateway runs')
    expect((await fetchSocket(path, '/metrics')).status).toBe(200)
    await admin.close()
  })

  it('knows which paths no socket can have', () => {
    expect(isSocketPath(`/${'x'.repeat(106)}`)).toBe(true)
    expect(isSocketPath(`/${'x'.repeat(107)}`)).toBe(false)
    expect(isSocketPath(`/${'é'.repeat(60)}`)).toBe(false)
  })
})

describe('TableFile', () => {
  it('keeps the last table, for its owner only', async () => {
    const path = join(folder, 'table.json')
    const file = new TableFile(path, () => {})
    expect(file.read()).toBeNull()
    file.save(tableOf(1, []))
    file.save(tableOf(2, []))
    await file.close()
    expect(file.read()?.version).toBe(2)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(existsSync(`${path}.new`)).toBe(false)
  })

  it('takes half a file for none', () => {
    const path = join(folder, 'table.json')
    writeFileSync(path, JSON.stringify(tableOf(1, [])).slice(0, 50))
    expect(new TableFile(path, () => {}).read()).toBeNull()
    expect(readFileSync(path, 'utf8')).toHaveLength(50)
  })

  it('says when it cannot write', async () => {
    const errors: Error[] = []
    const file = new TableFile(join(folder, 'none', 'table.json'), (error) => errors.push(error))
    file.save(tableOf(1, []))
    await file.close()
    expect(errors).toHaveLength(1)
  })
})

describe('a static table', () => {
  it('tells what is wrong with the file', () => {
    const path = join(folder, 'table.json')
    expect(() => readStaticTable(path)).toThrow(PandoError)
    writeFileSync(path, '{}')
    expect(() => readStaticTable(path)).toThrow('holds no routing table')
  })
})

describe('parseOptions', () => {
  it('reads the two ways to start', () => {
    expect(parseOptions(['--control-socket', '/s', '--state-dir', '/d', '--workers', '3'])).toEqual({
      source: { kind: 'watch', controlSocket: '/s' },
      stateDir: '/d',
      adminSocket: '/d/gateway.sock',
      workers: 3,
      gateway: 'gateway',
      drainMs: 10_000,
    })
    const fromFile = parseOptions(['--table', '/t', '--drain-timeout', '0', '--gateway', 'g2'])
    expect(fromFile).toMatchObject({
      source: { kind: 'file', path: '/t' },
      stateDir: null,
      adminSocket: null,
      drainMs: 0,
      gateway: 'g2',
    })
    expect(fromFile.workers).toBeGreaterThanOrEqual(1)
  })

  it.each([
    [[]],
    [['--control-socket', '/s']],
    [['--control-socket', '/s', '--state-dir', '/d', '--table', '/t']],
    [['--table', '/t', '--workers', '0']],
    [['--table', '/t', '--workers', 'two']],
    [['--table', '/t', '--what']],
  ])('refuses %j as a mistake of usage', (args) => {
    expect(() => parseOptions(args)).toThrow(expect.objectContaining({ code: 'usage' }))
  })
})
