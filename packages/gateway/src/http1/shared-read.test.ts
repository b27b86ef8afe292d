import type { Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { connected, until } from './connected.suite.js'
import { changeOwner, readPlainly, type SocketOwner } from './owned-socket.js'
import { adopt } from './shared-read.js'

/** Notes what it is told. */
class Listener implements SocketOwner {
  readonly texts: string[] = []
  readonly events: string[] = []
  readonly buffers = new Set<unknown>()

  onBytes(bytes: Uint8Array, at: number, end: number): void {
    this.buffers.add(bytes.buffer)
    this.texts.push(Buffer.from(bytes.slice(at, end)).toString())
  }

  onEnd(): void {
    this.events.push('end')
  }

  onClose(): void {
    this.events.push('close')
  }
}

/** A pair of connected sockets, the accepted one made by `make`. */
async function pair(
  make: (accepted: Socket, owner: Listener) => Socket,
): Promise<{ client: Socket; owner: Listener; socket: Socket; count: () => Promise<number> }> {
  const { client, accepted, server } = await connected({ pauseOnConnect: true, allowHalfOpen: true })
  const owner = new Listener()
  const socket = make(accepted, owner)
  onTestFinished(() => void socket.destroy())
  const count = (): Promise<number> =>
    new Promise((resolve, reject) =>
      server.getConnections((error, connections) => (error ? reject(error) : resolve(connections))),
    )
  return { client, owner, socket, count }
}

// On every Node that Pando supports: passing a handle on is only half documented.
describe('an accepted socket', () => {
  const buffer = Buffer.alloc(1024)

  it('reads into the shared buffer once adopted', async () => {
    const { client, owner } = await pair((accepted, by) => adopt(accepted, buffer, by))
    const { texts, buffers } = owner
    client.write('hello')
    await until(() => texts.join('') === 'hello')
    client.write('x'.repeat(5000))
    await until(() => texts.join('').length === 5005)
    expect(Math.max(...texts.map((text) => text.length))).toBeLessThanOrEqual(buffer.length)
    expect([...buffers]).toEqual([buffer.buffer])
  })

  it.each([
    ['adopted', (accepted: Socket, by: SocketOwner) => adopt(accepted, buffer, by)],
    ['read plainly', readPlainly],
  ])('%s: writes, pauses, resumes, ends and closes as any socket', async (_, make) => {
    const { client, owner, socket, count } = await pair(make)
    const { texts, events } = owner
    let answer = ''
    client.on('data', (chunk: Buffer) => (answer += chunk.toString()))
    client.write('one')
    await until(() => texts.join('') === 'one')
    socket.write('back')
    await until(() => answer === 'back')
    expect(socket.writableLength).toBe(0)
    expect(socket.remoteAddress).toBe('127.0.0.1')
    socket.pause()
    client.write('two')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(texts.join('')).toBe('one')
    socket.resume()
    await until(() => texts.join('') === 'onetwo')
    expect(await count()).toBe(1)
    client.end('three')
    await until(() => events.includes('end'))
    expect(texts.join('')).toBe('onetwothree')
    socket.end()
    await until(() => events.includes('close'))
    expect(await count()).toBe(0)
  })

  it.each([
    ['adopted', (accepted: Socket, by: SocketOwner) => adopt(accepted, buffer, by)],
    ['read plainly', readPlainly],
  ])("%s: is wholly its next owner's once it has changed", async (_, make) => {
    const { client, owner, socket } = await pair(make)
    client.write('one')
    await until(() => owner.texts.join('') === 'one')
    const next = new Listener()
    changeOwner(socket, next)
    client.end('two')
    await until(() => next.events.includes('end'))
    socket.destroy()
    await until(() => next.events.includes('close'))
    expect(next).toMatchObject({ texts: ['two'], events: ['end', 'close'] })
    expect(owner).toMatchObject({ texts: ['one'], events: [] })
  })

  it('falls back to plain reading where there is no handle to pass on', async () => {
    const { client, owner } = await pair((accepted, by) => {
      // As a Node would look that no longer shows the handle.
      const hidden = new Proxy(accepted, {
        get: (target, key) => {
          const value: unknown = key === '_handle' ? undefined : Reflect.get(target, key, target)
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
      return adopt(hidden, buffer, by)
    })
    client.write('hello')
    await until(() => owner.texts.join('') === 'hello')
    expect(owner.texts).toEqual(['hello'])
  })
})
