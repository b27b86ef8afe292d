import { once } from 'node:events'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { TurnEnd } from '../turn-end.js'
import { connected, until } from './connected.suite.js'
import { Outputs } from './outputs.js'
import { Wire } from './wire.js'
import { writeNow } from './write-now.js'

/** A wire, what its peer has got, and turns that end when the test says so. */
async function wired(): Promise<{
  wire: Wire
  outputs: Outputs
  socket: Socket
  peer: Socket
  text: () => string
  drains: () => number
  endTurn: () => void
}> {
  const { client: socket, accepted: peer } = await connected()
  socket.on('error', () => {})
  peer.on('error', () => {})
  let text = ''
  peer.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  let ends: (() => void)[] = []
  const outputs = new Outputs(new TurnEnd((callback) => ends.push(callback)))
  let drains = 0
  return {
    wire: new Wire(socket, outputs, { onDrain: () => drains++ }),
    outputs,
    socket,
    peer,
    text: () => text,
    drains: () => drains,
    endTurn() {
      const due = ends
      ends = []
      for (const end of due) end()
    },
  }
}

type Wired = Awaited<ReturnType<typeof wired>>

function send({ wire, outputs }: Pick<Wired, 'wire' | 'outputs'>, text: string): void {
  wire.send(outputs.ensure(text.length).write(text, 'latin1'))
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('a wire', () => {
  it('lets small messages leave at the end of the turn', async () => {
    const one = await wired()
    send(one, 'answer')
    expect(one.wire.isSending).toBe(true)
    expect(one.socket.bytesWritten).toBe(0)
    one.endTurn()
    expect(one.wire.isSending).toBe(false)
    expect(one.socket.bytesWritten).toBe(6)
    await until(() => one.text() === 'answer')
  })

  it('lets large ones leave at once, behind what was put off', async () => {
    const one = await wired()
    const large = 'x'.repeat(10_000)
    send(one, 'head')
    one.wire.sendOwned(Buffer.from('own'))
    send(one, large)
    expect(one.wire.isSending).toBe(false)
    send(one, 'end')
    one.endTurn()
    await until(() => one.text() === `headown${large}end`)
  })

  it.each([
    ['its end', (wire: Wire) => wire.end()],
    ['a break', (wire: Wire) => wire.breakOff()],
  ])('sends what was put off before %s', async (_, close) => {
    const one = await wired()
    let isOver = false
    for (const event of ['end', 'close']) one.peer.on(event, () => (isOver = true))
    send(one, 'last words')
    close(one.wire)
    await until(() => isOver)
    expect(one.text()).toBe('last words')
  })

  it('keeps each message until the kernel has it, when its peer does not read', async () => {
    const one = await wired()
    one.peer.pause()
    let sent = ''
    // Small and large ones; blocked, it still takes some, and none may be overwritten by the next.
    for (let index = 0, more = 5; more > 0; index++) {
      const message = String.fromCharCode(0x61 + (index % 26)).repeat(index % 3 === 0 ? 700 : 30_000)
      send(one, message)
      sent += message
      one.endTurn()
      if (one.wire.isBlocked) more--
    }
    expect(one.drains()).toBe(0)
    one.peer.resume()
    await until(() => one.drains() > 0)
    expect(one.wire.isSending).toBe(false)
    send(one, 'behind')
    one.endTurn()
    await until(() => one.text().length === sent.length + 6)
    expect(one.text() === `${sent}behind`).toBe(true)
  })

  it('says nothing any more when it is gone', async () => {
    const one = await wired()
    one.peer.pause()
    while (!one.wire.isBlocked) send(one, 'x'.repeat(30_000))
    one.socket.destroy()
    send(one, 'late')
    one.endTurn()
    await once(one.socket, 'close')
    expect(one.drains()).toBe(0)
  })

  it('tells of a peer that has gone as any socket does', async () => {
    const one = await wired()
    one.peer.resetAndDestroy()
    let isGone = false
    one.socket.on('close', () => (isGone = true))
    const sending = setInterval(() => {
      send(one, 'anybody?')
      one.endTurn()
    }, 2)
    await until(() => isGone)
    clearInterval(sending)
    expect(one.wire.isSendingOver).toBe(true)
  })
})

/** A socket that encrypts what it is given at once, and is done with it when the test says so. */
class Encrypting extends Duplex {
  text = ''
  readonly underWay: (() => void)[] = []

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.text += chunk.toString('latin1')
    this.underWay.push(callback)
  }
}

describe('a wire that is encrypted', () => {
  it('keeps what is sent behind an empty write', async () => {
    const socket = new Encrypting()
    const outputs = new Outputs(new TurnEnd())
    const wire = new Wire(socket as unknown as Socket, outputs, { onDrain: () => {} }, true)
    let sent = ''
    const sendNext = (): void => {
      const message = String.fromCharCode(0x61 + sent.length / 10_000).repeat(10_000)
      send({ wire, outputs }, message)
      sent += message
    }
    sendNext()
    sendNext()
    while (socket.writableLength > 0) {
      socket.underWay.shift()?.()
      await turn()
    }
    // That which tells when the second one has left.
    expect(socket.underWay).toHaveLength(1)
    for (let count = 0; count < 4; count++) sendNext()
    while (socket.underWay.length > 0) {
      socket.underWay.shift()?.()
      await turn()
    }
    expect(socket.text === sent).toBe(true)
    expect(wire.isSending).toBe(false)
  })
})

describe('the end of a turn', () => {
  it('flushes each once, and those that are waiting when they have become many', () => {
    const ends: (() => void)[] = []
    const turns = new TurnEnd((callback) => ends.push(callback))
    const flushed: number[] = []
    for (let index = 0; index < 40; index++) turns.flushLater({ flush: () => void flushed.push(index) })
    expect(flushed).toEqual(Array.from({ length: 32 }, (_, index) => index))
    for (const end of ends) end()
    expect(flushed).toEqual(Array.from({ length: 40 }, (_, index) => index))
  })
})

// On every Node that Pando supports: nobody has promised that there is a door.
describe('writing now', () => {
  it.each([
    ['by the door', true],
    ['without one', false],
  ])('%s: says whether the kernel has taken it', async (_, hasDoor) => {
    const { socket, peer, text } = await wired()
    const target = hasDoor ? socket : withoutDoor(socket)
    expect(writeNow(target, Buffer.from('hello'))).toBe(true)
    await until(() => text() === 'hello')
    peer.pause()
    const large = Buffer.alloc(64 * 1024, 'x')
    let count = 0
    while (writeNow(target, large)) count++
    expect(count).toBeGreaterThan(0)
    let isBack = false
    socket.write(Buffer.alloc(0), () => {
      isBack = true
    })
    peer.resume()
    await until(() => isBack)
    await until(() => text().length === 5 + (count + 1) * large.length)
  })
})

/** As a socket would be of a Node that has no `_write`. */
function withoutDoor(socket: Socket): Socket {
  return new Proxy(socket, {
    get: (target, name) => {
      if (name === '_write') return undefined
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value as () => void).bind(target) : value
    },
  })
}
