import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { NewEvent } from '../events/events.js'
import { MemoryStore } from '../store/memory-store.js'
import { ApiKeys } from './api-keys.js'
import { beginningOf, isKey, writeKey } from './key-text.js'

const wish = { name: 'ci', scopes: ['read'], services: [], expiresInMs: null }

function open(store = new MemoryStore()) {
  const events: NewEvent[] = []
  const state = { now: 1_000, changes: 0, figures: '' }
  const keys = new ApiKeys({
    store,
    clock: { now: () => state.now, after: () => () => undefined },
    random: randomBytes,
    emit: (event) => void events.push(event),
    onChange: () => void state.changes++,
    figures: () => (state.figures === '' ? Promise.reject(new Error('away')) : Promise.resolve(state.figures)),
  })
  return { keys, store, events, state }
}

describe('a key', () => {
  it('is one word with 256 random bits and a checksum', () => {
    const seen = new Set(Array.from({ length: 100 }, () => writeKey(randomBytes(32))))
    expect(seen.size).toBe(100)
    for (const key of seen) {
      expect(key).toMatch(/^pando_[0-9A-Za-z]{49}$/)
      expect(isKey(key)).toBe(true)
      // Of 62 other letters at one place, none has the same checksum.
      const at = 10
      for (const letter of '0Aa9Zz') {
        expect(isKey(key.slice(0, at) + letter + key.slice(at + 1))).toBe(key[at] === letter)
      }
    }
    expect(isKey('pando_')).toBe(false)
    expect(() => writeKey(randomBytes(31))).toThrow('32 random bytes')
  })

  it('has all bits of what is random, and nothing else', () => {
    expect(writeKey(new Uint8Array(32)).slice(6, 49)).toBe('0'.repeat(43))
    expect(writeKey(new Uint8Array(32).fill(255)).slice(6, 49)).not.toContain('0'.repeat(5))
    const one = writeKey(new Uint8Array([...new Uint8Array(31), 1]))
    expect(one.slice(6, 49)).toBe(`${'0'.repeat(42)}1`)
  })
})

describe('uses', () => {
  it('are what the gateway has counted more since the last look', async () => {
    const { keys, state } = open()
    const { info } = await keys.create(wish)
    const lastUsed = async (): Promise<number | null | undefined> => (await keys.list())[0]?.lastUsedAt
    const figures = (count: number): string =>
      `# TYPE x counter\npando_gateway_api_key_requests_total{id="${info.id}"} ${count}\npando_gateway_api_key_requests_total{id="ff"} 9\n`
    expect(await lastUsed()).toBeNull()
    state.figures = figures(0)
    expect(await lastUsed()).toBeNull()
    state.figures = figures(3)
    state.now = 2_000
    expect(await lastUsed()).toBe(2_000)
    state.now = 3_000
    expect(await lastUsed()).toBe(2_000)
    state.figures = ''
    expect(await lastUsed()).toBe(2_000)
    // The gateway has begun anew.
    state.figures = figures(1)
    expect(await lastUsed()).toBe(3_000)
  })

  it('before the first look count only for keys of which none is known', async () => {
    const { keys, store, state } = open()
    const { info } = await keys.create(wish)
    const text = `pando_gateway_api_key_requests_total{id="${info.id}"} 5\n`
    state.figures = text
    expect((await keys.list())[0]?.lastUsedAt).toBe(1_000)
    const later = open(store)
    later.state.now = 9_000
    later.state.figures = text
    expect((await later.keys.list())[0]?.lastUsedAt).toBe(1_000)
  })
})

describe('the keys of an app', () => {
  it('are made once, kept as hashes and known by how they begin', async () => {
    const { keys, store, events, state } = open()
    const { key, info } = await keys.create(wish)
    expect(info).toEqual({
      name: 'ci',
      id: expect.stringMatching(/^[0-9a-f]{16}$/) as unknown,
      prefix: beginningOf(key),
      scopes: ['read'],
      services: [],
      createdAt: 1_000,
      expiresAt: null,
      lastUsedAt: null,
    })
    expect(await keys.list()).toEqual([info])
    expect(keys.specs()).toEqual([
      {
        id: info.id,
        name: 'ci',
        hash: createHash('sha256').update(key).digest('hex'),
        scopes: ['read'],
        services: [],
        expiresAt: null,
      },
    ])
    expect(state.changes).toBe(1)
    // Nowhere in what lasts or is told.
    const told = JSON.stringify([[...store.all('api_key')], events, await keys.list(), keys.specs()])
    expect(told).not.toContain(key.slice(info.prefix.length))
    expect(events[0]?.message).toContain(info.prefix)
  })

  it('have names of their own', async () => {
    const { keys } = open()
    await keys.create(wish)
    await expect(keys.create(wish)).rejects.toMatchObject({ code: 'conflict' })
  })

  it('are taken back', async () => {
    const { keys, state } = open()
    await keys.create(wish)
    await keys.revoke('ci')
    expect(keys.specs()).toEqual([])
    expect(state.changes).toBe(2)
    await expect(keys.revoke('ci')).rejects.toMatchObject({ code: 'not_found' })
    await keys.create(wish)
  })

  it('end', async () => {
    const { keys, state } = open()
    const { info } = await keys.create({ ...wish, expiresInMs: 50 })
    expect(info.expiresAt).toBe(1_050)
    expect(keys.specs()).toHaveLength(1)
    state.now = 1_050
    expect(keys.specs()).toEqual([])
    expect(await keys.list()).toHaveLength(1)
  })

  it('last', async () => {
    const { keys, store } = open()
    await keys.create(wish)
    expect(open(store).keys.specs()).toEqual(keys.specs())
  })

  it('are not without end', async () => {
    const { keys } = open()
    for (let index = 0; index < 1_000; index++) await keys.create({ ...wish, name: `k${index}` })
    await expect(keys.create(wish)).rejects.toMatchObject({ code: 'limit_reached' })
  })
})
