import { spawn, spawnSync } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { answering, cleanUp, endpoint, eventually, exchange, rawServer, serve } from './plane.js'

const hasTool = spawnSync('slowhttptest', ['-h']).error === undefined
if (!hasTool) console.warn('left out: attacks by slowhttptest, which is not here')

const get = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
const body = 'x'.repeat(300_000)
const limits = { headTimeoutMs: 1_000, idleTimeoutMs: 1_500, keepAliveTimeoutMs: 1_000, maxConnections: 150 }

/** The attack by a process of its own, to its end. */
function attack(port: number, ...options: string[]): Promise<string> {
  const common = ['-c', '300', '-r', '300', '-l', '6', '-p', '3', '-u', `http://127.0.0.1:${port}/`]
  const child = spawn('slowhttptest', [...options, ...common])
  cleanUp(() => child.kill('SIGKILL'))
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', () => resolve(text))
  })
}

describe.skipIf(!hasTool)('twice as many slow connections as there may be', () => {
  it.each([
    ['of heads that never end (slowloris)', ['-H', '-i', '1']],
    ['of bodies that never end', ['-B', '-i', '1', '-s', '100000']],
    ['of ranges', ['-R', '-i', '1']],
    ['of answers that are not read', ['-X', '-w', '1', '-y', '2', '-n', '1', '-z', '1', '-k', '3']],
  ])(
    '%s cost no more than their number, and are over when the attack is',
    async (_, options) => {
      const upstream = await rawServer(
        answering(() => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`),
      )
      const { plane, port } = await serve({ endpoints: [endpoint('web', upstream.port)], limits })
      let most = 0
      const watch = setInterval(() => (most = Math.max(most, plane.connections)), 10)
      cleanUp(() => clearInterval(watch))
      const report = attack(port, ...options)
      await report
      expect(most).toBeGreaterThan(0)
      expect(most).toBeLessThanOrEqual(limits.maxConnections)
      await eventually(() => plane.connections === 0)
      expect(await exchange(port, get)).toMatch(/^HTTP\/1\.1 200 /)
    },
    40_000,
  )
})

async function open(port: number, text = ''): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  cleanUp(() => socket.destroy())
  await new Promise((resolve) => socket.once('connect', resolve))
  socket.on('error', () => {})
  socket.resume()
  socket.write(text)
  return socket
}

describe('when there are as many connections as there may be', () => {
  it('closes the oldest that has no request for a new one', async () => {
    const upstream = await rawServer(answering(() => 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
    const { plane, port } = await serve({
      endpoints: [endpoint('web', upstream.port)],
      limits: { maxConnections: 3 },
    })
    const idle: Socket[] = []
    for (let index = 0; index < 3; index++) {
      idle.push(await open(port))
      await eventually(() => plane.connections === index + 1)
    }
    expect(await exchange(port, get)).toMatch(/ok$/)
    await eventually(() => idle[0]?.destroyed === true)
    expect(idle.slice(1).map(({ destroyed }) => destroyed)).toEqual([false, false])
    await eventually(() => plane.connections === 2)
  })

  it('refuses the new one when all have requests under way', async () => {
    const upstream = await rawServer(() => {})
    const { plane, port } = await serve({
      endpoints: [endpoint('web', upstream.port)],
      limits: { maxConnections: 2 },
    })
    await open(port, get)
    await open(port, get)
    await eventually(() => plane.connections === 2 && [...plane.inFlight().values()][0] === 2)
    expect(await exchange(port, get)).toMatch(/^HTTP\/1\.1 503 [^]*"reason":"too_many_connections"/)
  })
})
