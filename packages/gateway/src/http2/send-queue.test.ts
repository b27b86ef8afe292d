import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { endStreamFlag, maxFrameBytes } from './frame-types.js'
import { SendQueue, type StreamFrames } from './send-queue.js'
import { SendScheduler } from './send-scheduler.js'

/** A connection with a window, which keeps what is written by stream. */
class Frames implements StreamFrames {
  room: number
  writes = 0
  readonly written: { stream: number; data: string; isEnd: boolean }[] = []

  constructor(room: number) {
    this.room = room
  }

  writeHead(): number {
    return 0
  }

  writeTrailers(stream: number): void {
    this.written.push({ stream, data: 'trailers', isEnd: true })
  }

  writeData(stream: number, bytes: Uint8Array, start: number, end: number, isEnd: boolean): number {
    if (end - start > Math.min(this.room, maxFrameBytes)) throw new Error('more than there is room for')
    this.room -= end - start
    return this.written.push({ stream, data: Buffer.from(bytes.subarray(start, end)).toString(), isEnd }) - 1
  }

  addFlags(at: number, flags: number): void {
    const frame = this.written[at]
    if (frame !== undefined && flags === endStreamFlag) frame.isEnd = true
  }

  /** What one stream has sent. */
  of(stream: number): string {
    const own = this.written.filter((frame) => frame.stream === stream)
    return own.map(({ data }) => data).join('')
  }
}

describe('SendQueue', () => {
  it('sends at once what the windows allow, and marks its last frame as the end', () => {
    const frames = new Frames(100_000)
    const queue = new SendQueue(1, frames, 65_535)
    queue.write(Buffer.alloc(40_000, 'x'), 40_000)
    queue.end(null)
    expect(frames.written.map(({ data, isEnd }) => [data.length, isEnd])).toEqual([
      [16_384, false],
      [16_384, false],
      [7_232, true],
    ])
    expect([queue.isWaiting, queue.window]).toEqual([false, 25_535])
  })

  it('ends with a frame of its own when the last one has left already', () => {
    const frames = new Frames(100)
    const queue = new SendQueue(1, frames, 100)
    queue.write(Buffer.from('abc'), 3)
    frames.writes++
    queue.end(null)
    expect(frames.written).toEqual([
      { stream: 1, data: 'abc', isEnd: false },
      { stream: 1, data: '', isEnd: true },
    ])
  })

  it('keeps what it cannot send, though the caller uses the bytes again, and its end behind that', () => {
    const frames = new Frames(3)
    const queue = new SendQueue(1, frames, 100)
    const bytes = Buffer.from('abcdef')
    queue.write(bytes, bytes.length)
    bytes.fill('-')
    queue.write(Buffer.from('gh'), 2)
    queue.end(null)
    expect([queue.isWaiting, queue.hasEnd, frames.of(1)]).toEqual([true, true, 'abc'])
    expect(queue.goOn()).toBe(false)
    frames.room = 4
    expect(queue.goOn()).toBe(true)
    expect(frames.of(1)).toBe('abcdefg')
    frames.room = 1
    queue.goOn()
    expect(frames.of(1)).toBe('abcdefgh')
    expect(frames.written.at(-1)).toMatchObject({ isEnd: true })
    expect(queue.isWaiting).toBe(false)
  })

  it('sends nothing while its own window is shut or below nothing', () => {
    const frames = new Frames(100)
    const queue = new SendQueue(1, frames, 0)
    queue.write(Buffer.from('a'), 1)
    queue.window = -5
    expect([queue.goOn(), frames.written]).toEqual([false, []])
    queue.window = 1
    expect([queue.goOn(), frames.of(1)]).toEqual([true, 'a'])
  })
})

describe('SendScheduler', () => {
  it('lets streams send by turns, a frame each', () => {
    const frames = new Frames(0)
    const scheduler = new SendScheduler(frames)
    for (const stream of [1, 3, 5]) {
      const queue = new SendQueue(stream, frames, 1_000_000)
      queue.write(Buffer.alloc(maxFrameBytes * 2, String(stream)), maxFrameBytes * 2)
      scheduler.wait({ queue, onProgress() {} })
    }
    frames.room = maxFrameBytes * 5
    scheduler.send()
    expect(frames.written.map(({ stream }) => stream)).toEqual([1, 3, 5, 1, 3])
    frames.room = maxFrameBytes * 5
    scheduler.send()
    expect(frames.written.length).toBe(6)
    expect(scheduler.isEmpty).toBe(true)
  })

  it('passes over a stream whose window is shut, and does not turn for ever', () => {
    const frames = new Frames(0)
    const scheduler = new SendScheduler(frames)
    const shut = new SendQueue(1, frames, 0)
    const open = new SendQueue(3, frames, 10)
    for (const queue of [shut, open]) {
      queue.write(Buffer.from('abc'), 3)
      scheduler.wait({ queue, onProgress() {} })
    }
    frames.room = 100
    scheduler.send()
    expect([frames.of(1), frames.of(3), scheduler.isEmpty]).toEqual(['', 'abc', true])
  })

  it('sends all of every stream, in order, however windows open', () => {
    const step = fc.record({
      stream: fc.constantFrom(1, 3, 5),
      write: fc.nat({ max: 40_000 }),
      own: fc.nat({ max: 30_000 }),
      room: fc.nat({ max: 50_000 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const frames = new Frames(1_000)
        const scheduler = new SendScheduler(frames)
        const streams = new Map(
          [1, 3, 5].map((id) => [id, { queue: new SendQueue(id, frames, 500), text: '', onProgress() {} }]),
        )
        for (const { stream, write, own, room } of steps) {
          const sending = streams.get(stream)
          if (sending === undefined) continue
          const text = String(write % 10).repeat(write)
          sending.text += text
          sending.queue.write(Buffer.from(text), text.length)
          sending.queue.window += own
          frames.room += room
          scheduler.wait(sending)
          scheduler.send()
        }
        for (const sending of streams.values()) {
          sending.queue.end(null)
          sending.queue.window += 10_000_000
          scheduler.wait(sending)
        }
        frames.room += 10_000_000
        scheduler.send()
        for (const [id, { queue, text }] of streams) {
          expect(queue.isWaiting).toBe(false)
          expect(frames.of(id) === text).toBe(true)
          expect(frames.written.filter(({ stream, isEnd }) => stream === id && isEnd).length).toBe(1)
        }
      }),
      { numRuns: 100 },
    )
  })
})
