import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import type { GatewayConfig, Listener } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import {
  Client,
  cleanUp,
  edge,
  endpoint,
  eventually,
  freePort,
  ok,
  answering,
  rawServer,
  serve,
  table,
} from './plane.js'

const upgrade = 'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\n\r\n'
const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-A: b\r\n\r\n'

describe('an upgrade', () => {
  it('carries WebSocket messages both ways', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    cleanUp(() => server.close())
    await once(server, 'listening')
    server.on('connection', (socket) => {
      socket.send('welcome')
      socket.on('message', (data: Buffer, isBinary) => socket.send(data, { binary: isBinary }))
    })
    const { plane, port } = await serve({ endpoints: [endpoint('web', (server.address() as AddressInfo).port)] })
    const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`)
    cleanUp(() => socket.terminate())
    const received: string[] = []
    socket.on('message', (data: Buffer) => received.push(data.toString()))
    await once(socket, 'open')
    socket.send('hello')
    socket.send('x'.repeat(200_000))
    await eventually(() => received.length === 3)
    expect(received[0]).toBe('welcome')
    expect(received[1]).toBe('hello')
    expect(received[2]).toHaveLength(200_000)
    expect([...plane.inFlight().values()]).toEqual([1])
    socket.close()
    await once(socket, 'close')
    await eventually(() => plane.inFlight().size === 0)
  })

  it('passes on what comes together with either head', async () => {
    const upstream = await rawServer((socket) => {
      let text = ''
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
        if (text.endsWith('\r\n\r\n')) socket.write(`${switching}early`)
        if (text.endsWith('firstsecond')) socket.end('late')
      })
    })
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    const client = new Client(port)
    client.send(`${upgrade}first`)
    expect(await client.until((text) => text.endsWith('early'))).toBe(
      'HTTP/1.1 101 Switching Protocols\r\nX-A: b\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly',
    )
    client.send('second')
    expect(await client.ended()).toMatch(/earlylate$/)
  })

  it('passes on the end of either side while the other way goes on', async () => {
    const upstream = await rawServer((socket) => {
      socket.once('data', () => {
        socket.write(switching)
        socket.on('data', () => {})
        socket.on('end', () => socket.end('after your end'))
      })
    })
    const { plane, port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    const client = new Client(port)
    client.send(upgrade)
    await client.until((text) => text.endsWith('\r\n\r\n'))
    client.socket.end('bye')
    expect(await client.ended()).toMatch(/after your end$/)
    await eventually(() => plane.inFlight().size === 0)
  })

  it('is over when one side has ended and the other stays silent', async () => {
    const upstream = await rawServer((socket) => {
      socket.once('data', () => socket.write(switching)).resume()
    })
    const { plane, port } = await serve({ endpoints: [endpoint('web', upstream.port)], limits: { idleTimeoutMs: 200 } })
    const client = new Client(port)
    client.send(upgrade)
    await client.until((text) => text.endsWith('\r\n\r\n'))
    // Silence alone is no reason, for longer than any timeout.
    await new Promise((resolve) => setTimeout(resolve, 600))
    expect(plane.inFlight().size).toBe(1)
    client.socket.end()
    await eventually(() => plane.inFlight().size === 0)
  })

  it('stops reading the one side when the other takes nothing', async () => {
    let sent = 0
    const upstream = await rawServer((socket) => {
      socket.once('data', () => {
        socket.write(switching)
        const block = Buffer.alloc(65_536)
        const send = (): void => {
          while (!socket.destroyed && sent < 100e6) {
            sent += block.length
            if (!socket.write(block)) return void socket.once('drain', send)
          }
        }
        send()
      })
    })
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    const client = new Client(port)
    client.send(upgrade)
    await client.until((text) => text.length > 100)
    client.socket.pause()
    let before = -1
    while (before !== sent) {
      before = sent
      await new Promise((resolve) => setTimeout(resolve, 150))
    }
    expect(sent).toBeLessThan(24e6)
  })

  it('that the service declines is an ordinary answer, and the connection goes on', async () => {
    const heads: string[] = []
    const upstream = await rawServer(answering((head) => (heads.push(head), ok)))
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    const client = new Client(port)
    client.send(`${upgrade}GET /next HTTP/1.1\r\nHost: a\r\n\r\n`)
    expect((await client.until((text) => text.split('\r\n\r\nok').length === 3)).match(/HTTP\/1\.1 200/g)).toHaveLength(
      2,
    )
    expect(heads[0]).toMatch(/\r\nConnection: Upgrade\r\nUpgrade: echo\r\n/)
    expect(heads[1]).not.toMatch(/Upgrade/)
  })

  it.each(['h2c', 'h2c, websocket', 'websocket, H2C'])(
    'to %s is left out: it would lead past the routes',
    async (protocol) => {
      let head = ''
      const upstream = await rawServer(answering((text) => ((head = text), ok)))
      const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
      const client = new Client(port)
      client.send(
        `GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: ${protocol}\r\nHTTP2-Settings: AAMAAABk\r\n\r\n`,
      )
      await client.until((text) => text.endsWith('ok'))
      expect(head).not.toMatch(/upgrade|http2-settings/i)
    },
  )

  it('without the Connection option is no upgrade', async () => {
    let head = ''
    const upstream = await rawServer(answering((text) => ((head = text), ok)))
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    const client = new Client(port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\n\r\n')
    await client.until((text) => text.endsWith('ok'))
    expect(head).not.toMatch(/upgrade/i)
  })
})

const mesh: Listener = { kind: 'mesh', name: 'mesh', address: edge.address, service: 'db' }

const services: GatewayConfig['services'] = [{ name: 'db', protocol: 'tcp', balancer: 'round_robin' }]

/** A server that speaks first, and ends when its peer does. */
const greeting = (text: string) => (socket: Socket) => {
  socket.write(text)
  socket.on('end', () => socket.end()).resume()
}

describe('a mesh listener of a service that does not speak HTTP', () => {
  it('carries bytes, whatever they mean', async () => {
    const upstream = await rawServer((socket) => {
      socket.write('greeting ')
      socket.on('data', (chunk: Buffer) => socket.write(chunk))
      socket.on('end', () => socket.end('!'))
    })
    const { plane, port } = await serve({
      endpoints: [endpoint('db', upstream.port)],
      listeners: [mesh],
      services,
    })
    const client = new Client(port)
    // A server that speaks first must be heard before the client has said anything.
    await client.until((text) => text === 'greeting ')
    client.send('PRI * HTTP/2.0\r\n\r\n')
    await client.until((text) => text.endsWith('\r\n\r\n'))
    expect([...plane.inFlight().values()]).toEqual([1])
    client.socket.end()
    expect(await client.ended()).toBe('greeting PRI * HTTP/2.0\r\n\r\n!')
    await eventually(() => plane.inFlight().size === 0)
  })

  it('passes over an endpoint that does not listen', async () => {
    const upstream = await rawServer((socket) => socket.end('here'))
    const { port } = await serve({
      endpoints: [endpoint('db', await freePort()), endpoint('db', upstream.port)],
      listeners: [mesh],
      services,
    })
    for (let turn = 0; turn < 4; turn++) expect(await new Client(port).ended()).toBe('here')
  })

  it('closes the connection when no endpoint can be reached in time', async () => {
    const { plane, port } = await serve({
      endpoints: [endpoint('db', await freePort())],
      listeners: [mesh],
      services,
      limits: { pendingTimeoutMs: 200 },
    })
    expect(await new Client(port).ended()).toBe('')
    await eventually(() => plane.inFlight().size === 0)
  })

  it('says when the last connection of a draining endpoint is over, and sends new ones elsewhere', async () => {
    const old = await rawServer(greeting('old'))
    const fresh = await rawServer(greeting('new'))
    const options = { listeners: [mesh], services }
    const { plane, port } = await serve({ endpoints: [endpoint('db', old.port)], ...options })
    const drained: string[] = []
    plane.onDrained((id) => drained.push(id))
    const client = new Client(port)
    await client.until((text) => text === 'old')
    await plane.apply(
      table({ endpoints: [endpoint('db', old.port, { state: 'draining' }), endpoint('db', fresh.port)], ...options }),
    )
    await new Client(port).until((text) => text === 'new')
    expect(drained).toEqual([])
    client.socket.destroy()
    await eventually(() => drained.length > 0)
    expect(drained).toEqual([`db-${old.port}`])
  })
})
