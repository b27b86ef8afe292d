import type { Endpoint, EventKind } from '@pando/model'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Store } from './store.js'
import { Table } from './table.js'

const endpoint: Endpoint = {
  id: 'a',
  service: 'users',
  address: { host: '127.0.0.1', port: 5001 },
  state: 'healthy',
  revision: null,
  weight: 100,
  metadata: { zone: 'ä"\n' },
  source: 'self',
}

const event = (message: string, service: string | null = null) => ({
  at: 1_000,
  kind: 'app.applied' as EventKind,
  service,
  instance: null,
  message,
})

/** What every store promises. `open` makes an empty one that keeps at most `eventLimit` events. */
export function describeStore(name: string, open: (options: { eventLimit: number }) => Store): void {
  describe(`${name} is a store`, () => {
    let store: Store
    beforeEach(() => {
      store = open({ eventLimit: 5 })
    })
    afterEach(() => store.close())

    test('what was put is got back whole, and is nobody’s shared object', () => {
      const lease = { endpoint, expiresAt: 5, ttlMs: 10 }
      store.put('lease', 'users/a', lease)
      const first = store.get('lease', 'users/a')
      expect(first).toEqual(lease)
      expect(first).not.toBe(lease)
      expect(store.get('lease', 'users/a')).not.toBe(first)
    })

    test('an unknown key is undefined; kinds do not share keys; deleting what is not there is no error', () => {
      store.put('mesh_port', 'users', { port: 1 })
      expect(store.get('meta', 'users')).toBeUndefined()
      store.delete('meta', 'users')
      expect(store.get('mesh_port', 'users')).toEqual({ port: 1 })
      store.delete('mesh_port', 'users')
      expect(store.get('mesh_port', 'users')).toBeUndefined()
    })

    test('all of a kind come by key in ascending order of their bytes', () => {
      const keys = ['b/10', 'b/2', 'a', 'ü', '\u{1F332}', '\uFFFD', 'Z']
      for (const key of keys) store.put('meta', key, key)
      store.put('mesh_port', 'other', { port: 9 })
      expect([...store.all('meta').keys()]).toEqual(['Z', 'a', 'b/10', 'b/2', 'ü', '\uFFFD', '\u{1F332}'])
      expect([...store.all('meta').values()]).toEqual([...store.all('meta').keys()])
    })

    test('the last put wins', () => {
      store.put('meta', 'app', { a: 1 })
      store.put('meta', 'app', null)
      expect(store.get('meta', 'app')).toBeNull()
      expect(store.all('meta').size).toBe(1)
    })

    test('a transaction that throws leaves nothing, events included, and numbers go on without a hole', () => {
      store.put('meta', 'kept', 1)
      store.appendEvent(event('before'))
      const attempt = () =>
        store.transaction(() => {
          store.put('meta', 'kept', 2)
          store.put('meta', 'new', 1)
          store.delete('meta', 'kept')
          store.appendEvent(event('inside'))
          throw new Error('no')
        })
      expect(attempt).toThrow('no')
      expect(store.all('meta')).toEqual(new Map([['kept', 1]]))
      expect(store.events({ after: 0, limit: 10 }).map((e) => e.message)).toEqual(['before'])
      expect(store.appendEvent(event('next')).seq).toBe(2)
    })

    test('a transaction gives back what its function returned', () => {
      expect(store.transaction(() => 7)).toBe(7)
    })

    test('a nested transaction goes with the outer one', () => {
      const attempt = () =>
        store.transaction(() => {
          store.transaction(() => store.put('meta', 'inner', 1))
          throw new Error('outer')
        })
      expect(attempt).toThrow('outer')
      expect(store.get('meta', 'inner')).toBeUndefined()
    })

    test('a nested transaction that fails and is caught takes only its own writes back', () => {
      store.transaction(() => {
        store.put('meta', 'outer', 1)
        const inner = () =>
          store.transaction(() => {
            store.put('meta', 'inner', 1)
            throw new Error('inner')
          })
        expect(inner).toThrow('inner')
        store.put('meta', 'after', 1)
      })
      expect([...store.all('meta').keys()]).toEqual(['after', 'outer'])
    })

    test('memory goes back with what was not to be, newest first, and no further', () => {
      const undone: string[] = []
      const write = (what: string): void => {
        store.put('meta', what, 1)
        store.onRollback(() => undone.push(what))
      }
      const failing = (work: () => void) => () =>
        store.transaction(() => {
          work()
          throw new Error('no')
        })
      write('outside')
      store.transaction(() => {
        write('kept')
        expect(failing(() => ['a', 'b'].forEach(write))).toThrow('no')
        expect(undone).toEqual(['b', 'a'])
        store.transaction(() => write('also kept'))
      })
      expect(failing(() => store.transaction(() => ['c', 'd'].forEach(write)))).toThrow('no')
      expect(undone).toEqual(['b', 'a', 'd', 'c'])
    })

    test('a table is as the store, whatever fails', () => {
      const meta = new Table(store, 'meta')
      const isSame = (): void => expect(new Map(meta.values)).toEqual(store.all('meta'))
      meta.put('a', 1)
      const taken = meta.values
      const attempt = () =>
        store.transaction(() => {
          meta.put('b', 2)
          store.transaction(() => meta.delete('a'))
          meta.put('b', 3)
          expect([...meta.values]).toEqual([['b', 3]])
          throw new Error('the disk is full')
        })
      expect(attempt).toThrow('the disk is full')
      isSame()
      expect(meta.get('a')).toBe(1)
      store.transaction(() => meta.put('b', 2))
      isSame()
      meta.delete('a')
      meta.delete('never there')
      isSame()
      expect([...taken]).toEqual([['a', 1]])
      expect(new Table(store, 'meta').values).toEqual(meta.values)
    })

    test('a transaction refuses a function that waits, and leaves nothing of it', () => {
      const attempt = () =>
        store.transaction(async () => {
          store.put('meta', 'x', 1)
          await Promise.resolve()
        })
      expect(attempt).toThrow(/must not wait/)
      expect(store.get('meta', 'x')).toBeUndefined()
      store.transaction(() => store.put('meta', 'y', 1))
      expect(store.get('meta', 'y')).toBe(1)
    })

    test('events are numbered from 1, the oldest go beyond the limit, and numbers are never used again', () => {
      for (let i = 1; i <= 8; i++) expect(store.appendEvent(event(`e${i}`)).seq).toBe(i)
      expect(store.events({ after: 0, limit: 100 }).map((e) => e.seq)).toEqual([4, 5, 6, 7, 8])
      for (let i = 9; i <= 20; i++) store.appendEvent(event(`e${i}`))
      expect(store.events({ after: null, limit: 100 }).map((e) => e.seq)).toEqual([16, 17, 18, 19, 20])
    })

    test('events come back as they went in', () => {
      const appended = store.appendEvent({ ...event('says "hi"\n', 'users'), instance: 'users-0-abc' })
      expect(store.events({ after: null, limit: 1 })).toEqual([appended])
      expect(appended).toEqual({
        seq: 1,
        at: 1_000,
        kind: 'app.applied',
        service: 'users',
        instance: 'users-0-abc',
        message: 'says "hi"\n',
      })
    })

    test('events behind a number, the oldest of them first; null takes the newest; one service or all', () => {
      for (const [message, service] of [
        ['1', 'a'],
        ['2', 'b'],
        ['3', 'a'],
        ['4', 'b'],
        ['5', 'a'],
      ] as const) {
        store.appendEvent(event(message, service))
      }
      const read = store.events.bind(store)
      const messages = (options: Parameters<typeof read>[0]) => read(options).map((e) => e.message)
      expect(messages({ after: 1, limit: 2 })).toEqual(['2', '3'])
      expect(messages({ after: null, limit: 2 })).toEqual(['4', '5'])
      expect(messages({ after: 1, limit: 9, service: 'a' })).toEqual(['3', '5'])
      expect(messages({ after: null, limit: 2, service: 'a' })).toEqual(['3', '5'])
      expect(messages({ after: 5, limit: 9 })).toEqual([])
      expect(messages({ after: 0, limit: 0 })).toEqual([])
      expect(messages({ after: null, limit: 0 })).toEqual([])
    })

    test('a closed store refuses, and closing again is no error', () => {
      const closed = open({ eventLimit: 5 })
      closed.close()
      closed.close()
      expect(() => closed.put('meta', 'x', 1)).toThrow(/closed/)
      expect(() => closed.get('meta', 'x')).toThrow(/closed/)
      expect(() => closed.appendEvent(event('x'))).toThrow(/closed/)
    })
  })
}
