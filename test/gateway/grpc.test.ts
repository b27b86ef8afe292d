import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { status } from '@grpc/grpc-js'
import type { GatewayConfig, Listener } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { root } from '../house/source-tree.js'
import { EchoClient, echoServer } from './grpc-echo.js'
import {
  cleanUp,
  edge,
  endpoint,
  eventually,
  freePort,
  httpServer,
  portOf,
  route,
  serve,
  type TableOptions,
} from './plane.js'

const program = join(root, 'test/support/programs/grpc/echo.py')
/** A version manager's Python may lack what the system's has. */
const python = ['python3', '/usr/bin/python3'].find((path) => spawnSync(path, ['-c', 'import grpc']).status === 0)
if (python === undefined) console.warn('left out: gRPC of Python, which is not here (python3-grpcio)')

const services: GatewayConfig['services'] = [{ name: 'web', protocol: 'grpc', balancer: 'round_robin' }]
const mesh: Listener = { kind: 'mesh', name: 'mesh', address: { host: '127.0.0.1', port: 0 }, service: 'web' }

async function pythonServer(): Promise<{ port: number }> {
  const port = await freePort()
  const child = spawn(python as string, [program, 'serve', String(port)], { stdio: ['ignore', 'pipe', 'inherit'] })
  cleanUp(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return { port }
}

async function through(ports: readonly number[], extra: Partial<TableOptions> = {}) {
  const { plane, port } = await serve({
    endpoints: ports.map((each) => endpoint('web', each)),
    services,
    listeners: [edge, mesh],
    ...extra,
  })
  return { plane, target: `127.0.0.1:${port}`, meshTarget: `127.0.0.1:${portOf(plane, 'mesh')}` }
}

const servers = [
  { name: 'grpc-js', lacks: false, start: echoServer },
  { name: 'gRPC of Python', lacks: python === undefined, start: pythonServer },
]

describe.each(servers)('calls of gRPC to a service in $name', ({ lacks, start }) => {
  it.skipIf(lacks)('of all four kinds, by the edge and by the mesh address', async () => {
    const { port } = await start()
    const { target, meshTarget } = await through([port])
    for (const address of [target, meshTarget]) {
      const client = new EchoClient(address)
      const { answer, trailers } = await client.unary(Buffer.from('hello'))
      expect(String(answer)).toBe('hello')
      expect(trailers.get('x-length')).toEqual(['5'])
      expect(await client.collect(['a', 'b', 'c'])).toBe('a,b,c')
      expect(await client.repeat(200)).toEqual(Array.from({ length: 200 }, (_, index) => String(index)))
      expect(await client.converse(['1', '2', '3'])).toEqual(['got 1', 'got 2', 'got 3'])
    }
  })

  it.skipIf(lacks)('with messages larger than any window', async () => {
    const { port } = await start()
    const { target } = await through([port])
    const message = Buffer.alloc(3_000_000, 'abcdefg')
    const { answer } = await new EchoClient(target).unary(message, 30_000)
    expect(answer.equals(message)).toBe(true)
  })

  it.skipIf(lacks)('that fail keep their status, its details and its trailers', async () => {
    const { port } = await start()
    const { target } = await through([port])
    const error = await new EchoClient(target).unary(Buffer.from('fail')).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: status.FAILED_PRECONDITION, details: 'as asked: äöü' })
    expect((error as { metadata: { get(name: string): unknown } }).metadata.get('x-why')).toEqual(['asked'])
  })

  it.skipIf(lacks)('to a method that is not there are unimplemented, as the service says', async () => {
    const { port } = await start()
    const { target } = await through([port], { routes: [route('web/0', 'web', '/')] })
    const client = new EchoClient(target)
    await expect(client.unknown()).rejects.toMatchObject({ code: status.UNIMPLEMENTED })
  })
})

describe('a client of gRPC in Python', () => {
  const call = async (target: string, ...args: string[]): Promise<string> =>
    (await promisify(execFile)(python as string, [program, 'call', target, ...args])).stdout

  it.skipIf(python === undefined)('is served by a service in grpc-js', async () => {
    const { port } = await echoServer()
    const { target } = await through([port])
    expect(await call(target, 'Unary', 'hello')).toBe('hello\n')
    expect(await call(target, 'Collect', 'a', 'b')).toBe('a,b\n')
    expect(await call(target, 'Repeat', '3')).toBe('0\n1\n2\n')
    expect(await call(target, 'Both', 'a', 'b')).toBe('got a\ngot b\n')
    expect(await call(target, 'Unary', 'fail')).toBe('9 as asked: äöü\n')
  })

  it.skipIf(python === undefined)('understands what the gateway answers by itself', async () => {
    const { target } = await through([], { limits: { pendingTimeoutMs: 50 } })
    expect(await call(target, 'Unary', 'hello')).toMatch(/^14 .*no healthy endpoint/)
  })
})

describe('the gateway, to a client of gRPC', () => {
  it('is unavailable when no endpoint is there, unimplemented when no route is', async () => {
    const { target } = await through([], {
      routes: [route('web/0', 'web', '/pando.test.Echo/Unary')],
      limits: { pendingTimeoutMs: 50 },
    })
    const client = new EchoClient(target)
    await expect(client.unary(Buffer.from('a'))).rejects.toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringContaining('no healthy endpoint'),
    })
    await expect(client.collect(['a'])).rejects.toMatchObject({ code: status.UNIMPLEMENTED })
  })

  it('honours the deadline of a call, and the service learns that it is over', async () => {
    const server = await echoServer()
    const { target, plane } = await through([server.port])
    await expect(new EchoClient(target).unary(Buffer.from('wait'), 300)).rejects.toMatchObject({
      code: status.DEADLINE_EXCEEDED,
    })
    await eventually(() => server.cancelled() === 1 && plane.inFlight().size === 0)
  })

  it('is unavailable when the service dies in the middle of its answer, behind the messages that came', async () => {
    const service = createHttp2Server((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/grpc' })
      const messageAndHalf = Buffer.from([0, 0, 0, 0, 1, 0x61, 0, 0, 0, 0, 2, 0x62])
      response.write(messageAndHalf, () => sockets.forEach((socket) => socket.destroy()))
    })
    const sockets = new Set<Socket>()
    service.on('connection', (socket) => sockets.add(socket))
    service.listen(0, '127.0.0.1')
    cleanUp(() => service.close())
    await once(service, 'listening')
    const { target, plane } = await through([(service.address() as AddressInfo).port])
    const heard: string[] = []
    const ended = new EchoClient(target).repeat(3, (message) => heard.push(message))
    await expect(ended).rejects.toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringContaining('in the middle of its answer'),
    })
    expect(heard).toEqual(['a'])
    expect(plane.inFlight().size).toBe(0)
  })

  it('ends a stream that is longer than its route allows with DEADLINE_EXCEEDED', async () => {
    const server = await echoServer()
    const slow = route('web/0', 'web', '/', { timeouts: { requestMs: 300, backendRequestMs: null } })
    const { target } = await through([server.port], { routes: [slow] })
    await expect(new EchoClient(target).listen('a')).rejects.toMatchObject({ code: status.DEADLINE_EXCEEDED })
    await eventually(() => server.cancelled() === 1)
  })

  it('passes on that a call was given up', async () => {
    const server = await echoServer()
    const { target, plane } = await through([server.port])
    const call = new EchoClient(target).begin(Buffer.from('wait'))
    await eventually(() => server.calls() === 1)
    call.cancel()
    expect(await call.ended).toBe(status.CANCELLED)
    await eventually(() => server.cancelled() === 1 && plane.inFlight().size === 0)
  })

  it('balances each call of one connection by itself', async () => {
    const [first, second] = [await echoServer(), await echoServer()]
    const { target, meshTarget } = await through([first.port, second.port])
    for (const address of [target, meshTarget]) {
      const client = new EchoClient(address)
      for (let index = 0; index < 10; index++) await client.unary(Buffer.from(String(index)))
    }
    expect([first.calls(), second.calls()]).toEqual([10, 10])
  })

  it('says in words of gRPC what a service that is none answers', async () => {
    const web = await httpServer((_, response) => response.writeHead(418).end('short and stout'))
    const { target } = await through([web.port], {
      services: [{ name: 'web', protocol: 'http', balancer: 'round_robin' }],
      listeners: [edge, { ...mesh, service: 'other' }],
    })
    await expect(new EchoClient(target).unary(Buffer.from('a'))).rejects.toMatchObject({ code: status.UNKNOWN })
  })
})
