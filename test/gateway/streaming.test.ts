import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import {
  answering,
  Client,
  cleanUp,
  endpoint,
  eventually,
  exchange,
  httpServer,
  ok,
  rawServer,
  serve,
} from './plane.js'

const mebibyte = 1024 * 1024
/** What the sockets' buffers of both hops and ours may hold together; far below what is sent. */
const mostBuffered = 24 * mebibyte

/** Bytes that are everywhere different, the same at every run. */
function pattern(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  let state = 1
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    bytes[at] = state >>> 24
  }
  return bytes
}

const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
const block = pattern(mebibyte)

describe('a large download', () => {
  it.each(['by length', 'in chunks', 'until close'])(
    '%s reaches a slow reader whole, read no faster than it is taken',
    async (framing) => {
      const blocks = 60
      const total = blocks * mebibyte
      const progress = { sent: 0 }
      const upstream = await httpServer((_, response) => {
        if (framing === 'by length') response.setHeader('Content-Length', total)
        if (framing === 'until close') {
          response.useChunkedEncodingByDefault = false
          response.shouldKeepAlive = false
          response.removeHeader('Transfer-Encoding')
        }
        const send = (): void => {
          while (progress.sent < total) {
            progress.sent += block.length
            if (!response.write(block)) {
              response.once('drain', send)
              return
            }
          }
          response.end()
        }
        send()
      })
      const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
      const socket = connect({ port, host: '127.0.0.1' })
      cleanUp(() => socket.destroy())
      const hash = createHash('sha256')
      let received = 0
      let head = ''
      let tail = Buffer.alloc(0)
      socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
      // Not read at all at first: the upstream must come to a halt.
      let before = -1
      while (before !== progress.sent || progress.sent === 0) {
        before = progress.sent
        await new Promise((resolve) => setTimeout(resolve, 150))
      }
      expect(progress.sent).toBeLessThan(mostBuffered)
      const rss = process.memoryUsage().rss
      let most = 0
      const decode = unchunk((data) => {
        received += data.length
        hash.update(data)
      })
      for await (const chunk of socket as AsyncIterable<Buffer>) {
        most = Math.max(most, process.memoryUsage().rss)
        let data = chunk
        if (!head.endsWith('\r\n\r\n')) {
          tail = Buffer.concat([tail, chunk])
          const end = tail.indexOf('\r\n\r\n')
          if (end === -1) continue
          head = tail.toString('latin1', 0, end + 4)
          data = tail.subarray(end + 4)
        }
        if (/transfer-encoding/i.test(head)) decode(data)
        else {
          received += data.length
          hash.update(data)
        }
      }
      expect(received).toBe(total)
      const expected = createHash('sha256')
      for (let index = 0; index < blocks; index++) expected.update(block)
      expect(hash.digest('hex')).toBe(expected.digest('hex'))
      expect(most - rss).toBeLessThan(150 * mebibyte)
    },
  )
})

/** A decoder of chunked coding that shares nothing with the gateway's. */
function unchunk(onData: (data: Buffer) => void): (bytes: Buffer) => void {
  let left = 0
  let line = ''
  let isSkipping = 0
  return (bytes) => {
    let at = 0
    while (at < bytes.length) {
      if (left > 0) {
        const end = Math.min(bytes.length, at + left)
        onData(bytes.subarray(at, end))
        left -= end - at
        at = end
        if (left === 0) isSkipping = 2
      } else if (isSkipping > 0) {
        isSkipping--
        at++
      } else {
        line += String.fromCharCode(bytes[at++])
        if (line.endsWith('\r\n')) {
          left = Number.parseInt(line, 16) || 0
          line = ''
        }
      }
    }
  }
}

describe('a large upload', () => {
  it.each(['by length', 'in chunks'])(
    '%s reaches a slow upstream whole, read no faster than it is taken',
    async (framing) => {
      const blocks = 60
      const total = blocks * mebibyte
      const gate = { open: (): void => {} }
      const held = new Promise<void>((resolve) => (gate.open = resolve))
      const hash = createHash('sha256')
      const upstream = await httpServer(async (request, response) => {
        await held
        let length = 0
        for await (const chunk of request as AsyncIterable<Buffer>) {
          hash.update(chunk)
          length += chunk.length
        }
        response.end(`${length} ${hash.digest('hex')}`)
      })
      const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
      const client = new Client(port)
      const { socket } = client
      const how = framing === 'by length' ? `Content-Length: ${total}` : 'Transfer-Encoding: chunked'
      client.send(`POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${how}\r\n\r\n`)
      for (let index = 0; index < blocks; index++) {
        if (framing === 'in chunks') socket.write(`${block.length.toString(16)};x=y\r\n`)
        socket.write(block)
        if (framing === 'in chunks') socket.write('\r\n')
      }
      if (framing === 'in chunks') socket.write('0\r\nTrailer: dropped\r\n\r\n')
      // The upstream does not read: our side must come to a halt too.
      let before = -1
      while (before !== socket.bytesWritten - socket.writableLength) {
        before = socket.bytesWritten - socket.writableLength
        await new Promise((resolve) => setTimeout(resolve, 150))
      }
      expect(total - socket.writableLength).toBeLessThan(mostBuffered)
      gate.open()
      const expected = createHash('sha256')
      for (let index = 0; index < blocks; index++) expected.update(block)
      expect(await client.ended()).toContain(`${total} ${expected.digest('hex')}`)
    },
  )
})

describe('bodies', () => {
  it('of all sizes around the buffers’ come through unharmed, both ways', async () => {
    const upstream = await httpServer((request, response) => {
      const parts: Buffer[] = []
      request.on('data', (chunk: Buffer) => parts.push(chunk))
      request.on('end', () => {
        const body = Buffer.concat(parts)
        if (request.headers['x-length'] !== undefined) response.setHeader('Content-Length', body.length)
        response.end(body)
      })
    })
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    for (const size of [
      0, 1, 15, 16, 255, 4095, 4096, 16_383, 16_384, 32_767, 32_768, 40_959, 40_960, 65_536, 300_001,
    ]) {
      for (const withLength of [true, false]) {
        const body = block.subarray(0, size)
        const answer = await fetch(`http://127.0.0.1:${port}/`, {
          method: size % 2 === 0 ? 'PUT' : 'POST',
          body: withLength ? body : new Blob([body]).stream(),
          headers: withLength ? { 'x-length': '1' } : {},
          duplex: 'half',
        } as RequestInit)
        const received = Buffer.from(await answer.arrayBuffer())
        expect(received.length).toBe(size)
        expect(sha(received)).toBe(sha(body))
      }
    }
  })

  it('wait for 100 Continue when the client does', async () => {
    const upstream = await httpServer((request, response) => {
      request.on('data', () => {})
      request.on('end', () => response.end('done'))
    })
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    const client = new Client(port)
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n')
    await client.until((text) => text.startsWith('HTTP/1.1 100 Continue\r\n\r\n'))
    client.send('hello')
    expect(await client.until((text) => text.includes('done'))).toMatch(/\r\n\r\nHTTP\/1\.1 200 OK\r\n/)
    client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    expect((await client.ended()).match(/HTTP\/1\.1 200/g)).toHaveLength(2)
  })

  it('that were refused while the client waited for 100 end the connection: what comes next cannot be told', async () => {
    const upstream = await rawServer(answering(() => 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno'))
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    const text = await exchange(port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n')
    expect(text).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n[^]*\r\nConnection: close\r\n\r\nno$/)
  })

  it('still go on after an early answer, and only then is the pair free', async () => {
    let body = ''
    const upstream = await rawServer((socket) => {
      socket.on('data', (chunk: Buffer) => {
        if (body === '') socket.write(ok)
        body += chunk.toString('latin1')
      })
    })
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    const client = new Client(port)
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234')
    await client.until((text) => text.endsWith('ok'))
    client.send('56789')
    await eventually(() => body.endsWith('\r\n\r\n0123456789'))
    body = ''
    client.send('GET /next HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.until((text) => text.split('\r\n\r\nok').length === 3)
    expect(body).toContain('GET /next ')
    expect(upstream.sockets).toHaveLength(1)
  })

  it('are read no further when the early answer ends the upstream’s connection', async () => {
    const upstream = await rawServer((socket) => {
      socket.once('data', () =>
        socket.end('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno'),
      )
    })
    const { port } = await serve({ endpoints: [endpoint('web', upstream.port)] })
    const text = await exchange(port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n01234')
    expect(text).toMatch(/^HTTP\/1\.1 413 [^]*\r\nConnection: close\r\n\r\nno$/)
  })
})
