import { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { FrameOutput } from './frame-output.js'
import { TurnEnd } from '../turn-end.js'
import { Http2Worker, outputBytes } from './http2-worker.js'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A socket that takes what it is given at once, or keeps it until `letGo`. */
class Taking extends Duplex {
  readonly writes: string[] = []
  isHolding = false
  #held: (() => void)[] = []

  constructor(writableHighWaterMark: number) {
    super({ writableHighWaterMark })
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.writes.push(chunk.toString('latin1'))
    if (this.isHolding) this.#held.push(done)
    else done()
  }

  letGo(): void {
    this.isHolding = false
    for (const done of this.#held.splice(0)) done()
  }
}

function put(output: FrameOutput, text: string): void {
  output.reserve(text.length)
  output.length += output.bytes.write(text, output.length, 'latin1')
}

/** A plain socket tells by 'drain' (its mark is one byte), an encrypted one by callbacks. */
describe.each([
  ['plain', 1],
  ['encrypted', 16_384],
])('the output of a connection, %s', (_name, mark) => {
  it('writes once a turn what came in it, in order', async () => {
    const socket = new Taking(mark)
    const output = new FrameOutput(socket, new Http2Worker(new TurnEnd()), { onDrain: () => {} })
    for (const text of ['one ', 'two ', 'three']) put(output, text)
    expect(socket.writes).toEqual([])
    await turn()
    put(output, 'four')
    await turn()
    expect(socket.writes).toEqual(['one two three', 'four'])
    expect(output.writes).toBe(2)
  })

  it('writes earlier when its buffer is full, and larger things whole', async () => {
    const socket = new Taking(mark)
    const output = new FrameOutput(socket, new Http2Worker(new TurnEnd()), { onDrain: () => {} })
    put(output, 'a'.repeat(outputBytes - 10))
    put(output, 'b'.repeat(20))
    put(output, 'c'.repeat(outputBytes * 2))
    await turn()
    expect(socket.writes.map((text) => `${text[0]} ${text.length}`)).toEqual([
      `a ${outputBytes - 10}`,
      'b 20',
      `c ${outputBytes * 2}`,
    ])
  })

  it('changes nothing that is still on its way, and tells when all has gone', async () => {
    const socket = new Taking(mark)
    let drains = 0
    const output = new FrameOutput(socket, new Http2Worker(new TurnEnd()), { onDrain: () => void drains++ })
    socket.isHolding = true
    const first = 'a'.repeat(outputBytes)
    const second = 'b'.repeat(outputBytes)
    put(output, first)
    await turn()
    put(output, second)
    await turn()
    put(output, 'c')
    await turn()
    expect(output.isBlocked).toBe(true)
    expect([drains, socket.writes]).toEqual([0, [first]])
    socket.letGo()
    await turn()
    expect(socket.writes.join('')).toBe(`${first}${second}c`)
    expect([drains, output.isBlocked]).toEqual([1, false])
  })

  it('is far behind when much waits, until it has gone', async () => {
    const socket = new Taking(mark)
    const output = new FrameOutput(socket, new Http2Worker(new TurnEnd()), { onDrain: () => {} })
    socket.isHolding = true
    for (let count = 0; count < 5; count++) put(output, 'x'.repeat(outputBytes))
    await turn()
    expect(output.isFarBehind).toBe(true)
    socket.letGo()
    await turn()
    expect(output.isFarBehind).toBe(false)
  })

  it('writes nothing to a socket that has ended', async () => {
    const socket = new Taking(mark)
    const output = new FrameOutput(socket, new Http2Worker(new TurnEnd()), { onDrain: () => {} })
    socket.end()
    put(output, 'late')
    await turn()
    socket.destroy()
    put(output, 'later')
    await turn()
    expect(socket.writes).toEqual([])
  })
})
