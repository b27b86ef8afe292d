import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { Server as GrpcServer, ServerCredentials, status } from '@grpc/grpc-js'
import { PandoError, type Address, type HealthProbe } from '@pando/model'
import { afterEach, describe, expect, it } from 'vitest'
import { LocalProber } from './local-prober.js'
import type { ProbeResult } from './prober.js'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean()
})

const run = async (): Promise<never> => {
  throw new PandoError('not_found', 'it does not run')
}
const prober = new LocalProber({ commands: { run } })

function ask(address: Address | null, probe: HealthProbe, timeoutMs = 10_000): Promise<ProbeResult> {
  return prober.probe({ id: 'x', address }, probe, timeoutMs)
}

async function listen(server: Server): Promise<Address> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
}

const serve = (listener: RequestListener): Promise<Address> => listen(createHttpServer(listener))

/** A port on which nothing listens: it was just given back. */
async function closedPort(): Promise<Address> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return { host: '127.0.0.1', port }
}

const silent = (): Promise<Address> => listen(createServer(() => {}))
const healthz = { kind: 'http', path: '/healthz?deep=1' } as const

describe('an http probe', () => {
  it.each([
    [200, true],
    [204, true],
    [302, true],
    [399, true],
    [400, false],
    [404, false],
    [503, false],
  ])('takes an answer of %i as %s', async (code, ok) => {
    const asked: string[] = []
    const address = await serve((request, response) => {
      asked.push(request.url ?? '')
      response.writeHead(code, { location: '/elsewhere' }).end()
    })
    expect(await ask(address, healthz)).toEqual({ ok, detail: `GET /healthz?deep=1 answered ${code}` })
    expect(asked).toEqual(['/healthz?deep=1'])
  })

  it('says what went wrong on the way', async () => {
    expect(await ask(await closedPort(), healthz)).toEqual({
      ok: false,
      detail: 'GET /healthz?deep=1: connection refused',
    })
    const resetting = await listen(createServer((socket) => socket.destroy()))
    expect((await ask(resetting, healthz)).ok).toBe(false)
    expect(await ask(await silent(), healthz, 50)).toEqual({
      ok: false,
      detail: 'GET /healthz?deep=1: no answer in 0.05 s',
    })
    expect((await ask(await silent(), { kind: 'http', path: '/a b' })).ok).toBe(false)
  })

  it('does not wait for a body without end, and does not read it to its end', async () => {
    const cut = new Promise<void>((resolve) => {
      void serve((_request, response) => {
        response.on('close', resolve)
        const write = (): void => {
          while (!response.destroyed && response.write('x'.repeat(10_000)));
          response.once('drain', write)
        }
        write()
      }).then(async (address) => expect((await ask(address, healthz)).ok).toBe(true))
    })
    await cut
  })

  it('uses a connection once', async () => {
    let connections = 0
    const server = createHttpServer((_request, response) => response.end())
    server.on('connection', () => connections++)
    const address = await listen(server)
    for (let i = 0; i < 3; i++) await ask(address, healthz)
    expect(connections).toBe(3)
  })
})

describe('a tcp probe', () => {
  it('asks for a connection and nothing more', async () => {
    expect(await ask(await silent(), { kind: 'tcp' })).toEqual({ ok: true, detail: 'accepts connections' })
    expect(await ask(await closedPort(), { kind: 'tcp' })).toEqual({ ok: false, detail: 'connection refused' })
  })

  it('needs an address', async () => {
    expect((await ask(null, { kind: 'tcp' })).ok).toBe(false)
  })
})

/** A server with only grpc.health.v1.Health/Check, over messages as they are on the wire. */
async function grpcHealth(answer: (service: string) => Buffer | { code: number }): Promise<Address> {
  const server = new GrpcServer()
  const check = {
    path: '/grpc.health.v1.Health/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: (value: Buffer) => value,
    requestDeserialize: (value: Buffer) => value,
    responseSerialize: (value: Buffer) => value,
    responseDeserialize: (value: Buffer) => value,
  }
  server.addService(
    { check } as never,
    {
      check: (call: { request: Buffer }, callback: (error: unknown, value?: Buffer) => void) => {
        // Field 1, a string: tag, length, bytes.
        const name = call.request.length === 0 ? '' : call.request.subarray(call.request[1] > 0x7f ? 3 : 2).toString()
        const answered = answer(name)
        if (Buffer.isBuffer(answered)) callback(null, answered)
        else callback(answered)
      },
    } as never,
  )
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
  cleanups.push(() => server.forceShutdown())
  return { host: '127.0.0.1', port }
}

describe('a grpc probe', () => {
  it('is healthy when the server says SERVING for the service asked for', async () => {
    const long = 'a.'.repeat(100)
    const address = await grpcHealth((name) =>
      Buffer.from([0x08, name === '' || name === 'shop.Users' || name === long ? 1 : 2]),
    )
    expect(await ask(address, { kind: 'grpc', service: '' })).toEqual({
      ok: true,
      detail: 'grpc health check: SERVING',
    })
    expect((await ask(address, { kind: 'grpc', service: 'shop.Users' })).ok).toBe(true)
    expect((await ask(address, { kind: 'grpc', service: long })).ok).toBe(true)
    expect(await ask(address, { kind: 'grpc', service: 'shop.Orders' })).toEqual({
      ok: false,
      detail: 'grpc health check: NOT_SERVING',
    })
  })

  it('is not healthy otherwise, and says why', async () => {
    const probe = { kind: 'grpc', service: '' } as const
    expect(await ask(await grpcHealth(() => Buffer.alloc(0)), probe)).toMatchObject({
      ok: false,
      detail: expect.stringContaining('UNKNOWN'),
    })
    const unknown = await grpcHealth(() => ({ code: status.NOT_FOUND }))
    expect(await ask(unknown, probe)).toMatchObject({ ok: false, detail: expect.stringContaining('NOT_FOUND') })
    const bare = new GrpcServer()
    const port = await new Promise<number>((resolve) => {
      bare.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_error, bound) => resolve(bound))
    })
    cleanups.push(() => bare.forceShutdown())
    const without = await ask({ host: '127.0.0.1', port }, probe)
    expect(without).toMatchObject({ ok: false, detail: expect.stringContaining('UNIMPLEMENTED') })
    const web = createHttp2Server((_request, response) => response.writeHead(404).end('x'.repeat(100)))
    expect(await ask(await listen(web), probe)).toMatchObject({ ok: false, detail: expect.stringContaining('404') })
    expect(await ask(await closedPort(), probe)).toMatchObject({ detail: 'grpc health check: connection refused' })
    expect(await ask(await silent(), probe, 50)).toMatchObject({ detail: 'grpc health check: no answer in 0.05 s' })
    const http1 = await serve((_request, response) => response.end('hello'))
    expect((await ask(http1, probe)).ok).toBe(false)
  })
})

describe('a command probe', () => {
  const probe = { kind: 'command', command: 'check' } as const
  const answering = (exitCode: number, output: string): Promise<ProbeResult> =>
    new LocalProber({ commands: { run: async () => ({ exitCode, output }) } }).probe(
      { id: 'x', address: null },
      probe,
      1000,
    )

  it('is healthy when the command ends with 0', async () => {
    expect(await answering(0, 'fine')).toEqual({ ok: true, detail: 'exit code 0' })
    expect(await answering(3, 'one\nno database\n')).toEqual({
      ok: false,
      detail: 'health command: exit code 3 (no database)',
    })
  })

  it('does not reject when the command could not be run', async () => {
    expect(await ask(null, probe)).toEqual({ ok: false, detail: 'it does not run' })
  })
})

it('asks nothing where there is no check', async () => {
  expect((await ask(null, { kind: 'none' })).ok).toBe(true)
})
