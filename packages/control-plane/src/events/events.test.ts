import type { PandoEvent } from '@pando/model'
import { describe, expect, test } from 'vitest'
import type { Clock } from '../clock.js'
import { MemoryStore } from '../store/memory-store.js'
import { Events } from './events.js'

const clock: Clock = { now: () => 42, after: () => () => undefined }

function make(eventLimit?: number): { store: MemoryStore; events: Events } {
  const store = new MemoryStore(eventLimit === undefined ? {} : { eventLimit })
  return { store, events: new Events({ store, clock }) }
}

async function take(iterator: AsyncIterator<PandoEvent>, count: number): Promise<number[]> {
  const taken: number[] = []
  while (taken.length < count) {
    const { value, done } = await iterator.next()
    if (done) throw new Error(`ended after ${taken.length}`)
    taken.push(value.seq)
  }
  return taken
}

describe('Events', () => {
  test('emit stamps, stores, then tells; a listener that throws keeps nobody else from hearing', () => {
    const { store, events } = make()
    const heard: PandoEvent[] = []
    events.subscribe(() => {
      throw new Error('deaf')
    })
    const unsubscribe = events.subscribe((event) => heard.push(event))
    const emitted = events.emit({ kind: 'instance.started', service: 'users', message: 'users is up' })
    expect(emitted).toEqual({
      seq: 1,
      at: 42,
      kind: 'instance.started',
      service: 'users',
      instance: null,
      message: 'users is up',
    })
    expect(heard).toEqual([emitted])
    expect(store.events({ after: 0, limit: 9 })).toEqual([emitted])
    unsubscribe()
    events.emit({ kind: 'fault', message: 'x' })
    expect(heard.length).toBe(1)
  })

  test('a message is cut at its limit', () => {
    const { events } = make()
    expect(events.emit({ kind: 'fault', message: 'x'.repeat(5_000) })?.message.length).toBe(2_000)
  })

  test('one that cannot be written is no failure of whoever tells of something', () => {
    const faults: string[] = []
    const store = new MemoryStore()
    const events = new Events({ store, clock, onFault: (what) => faults.push(what) })
    store.close()
    expect(events.emit({ kind: 'app.stopping', message: 'stopping everything' })).toBeNull()
    expect(faults).toEqual(['could not write the event "stopping everything"'])
  })

  test('follow replays and goes on live, with no gap and no duplicate where the two meet', async () => {
    const { events } = make()
    const abort = new AbortController()
    for (let i = 0; i < 600; i++) events.emit({ kind: 'fault', message: String(i) })
    const iterator = events.follow({ after: 0 }, abort.signal)
    const taken = await take(iterator, 300)
    for (let i = 0; i < 300; i++) events.emit({ kind: 'fault', message: 'live' })
    taken.push(...(await take(iterator, 600)))
    const waiting = take(iterator, 1)
    events.emit({ kind: 'fault', message: 'later' })
    taken.push(...(await waiting))
    expect(taken).toEqual(Array.from({ length: 901 }, (_, i) => i + 1))
    abort.abort()
    expect((await iterator.next()).done).toBe(true)
  })

  test('without a number it begins at the call, not at the first read', async () => {
    const { events } = make()
    events.emit({ kind: 'fault', message: 'old' })
    const iterator = events.follow({ after: null }, new AbortController().signal)
    events.emit({ kind: 'fault', message: 'new' })
    expect(await take(iterator, 1)).toEqual([2])
    await iterator.return()
  })

  test('one service only', async () => {
    const { events } = make()
    const iterator = events.follow({ after: 0, service: 'b' }, new AbortController().signal)
    for (const service of ['a', 'b', 'a', 'b']) events.emit({ kind: 'fault', service, message: service })
    expect(await take(iterator, 2)).toEqual([2, 4])
    const waiting = take(iterator, 1)
    events.emit({ kind: 'fault', service: 'a', message: 'a' })
    events.emit({ kind: 'fault', service: 'b', message: 'b' })
    expect(await waiting).toEqual([6])
    await iterator.return()
  })

  test('one that is slower than the store keeps goes on with the oldest kept', async () => {
    const { events } = make(10)
    const iterator = events.follow({ after: 0 }, new AbortController().signal)
    events.emit({ kind: 'fault', message: '1' })
    expect(await take(iterator, 1)).toEqual([1])
    for (let i = 0; i < 50; i++) events.emit({ kind: 'fault', message: 'x' })
    expect(await take(iterator, 10)).toEqual([42, 43, 44, 45, 46, 47, 48, 49, 50, 51])
    await iterator.return()
  })

  test('aborting ends a follower that waits, and nobody listens any more', async () => {
    const { events } = make()
    const abort = new AbortController()
    const iterator = events.follow({ after: 0 }, abort.signal)
    const waiting = iterator.next()
    abort.abort()
    expect((await waiting).done).toBe(true)
    const aborted = events.follow({ after: 0 }, abort.signal)
    expect((await aborted.next()).done).toBe(true)
  })
})
