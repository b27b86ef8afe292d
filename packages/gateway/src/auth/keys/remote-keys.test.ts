import type { RemoteKeys } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { jwk, p256, rsa } from '../jwt/tokens.suite.js'
import { RemoteKeySource } from './remote-keys.js'

const spec: RemoteKeys = { isInsecure: false, maxAgeMs: 300_000, cooldownMs: 30_000, maxStaleMs: 3_600_000 }
const body = (...keys: object[]): Buffer => Buffer.from(JSON.stringify({ keys }))
const first = body(jwk(rsa.publicKey))
const second = body(jwk(rsa.publicKey), jwk(p256.publicKey, { kid: 'two' }))

/** A source whose answers the test gives one by one, on a clock that the test moves. */
class Issuer {
  now = 0
  asked = 0
  readonly troubles: string[] = []
  #answer: ((result: Buffer | Error) => void) | null = null
  readonly source = new RemoteKeySource({
    spec,
    now: () => this.now,
    onTrouble: (message) => void this.troubles.push(message),
    fetch: () => {
      this.asked++
      return new Promise((resolve, reject) => {
        this.#answer = (result) => (result instanceof Error ? reject(result) : resolve(result))
      })
    },
  })

  async answer(result: Buffer | Error): Promise<void> {
    const answer = this.#answer
    if (answer === null) throw new Error('nothing was asked')
    this.#answer = null
    answer(result)
    // The source's own steps behind the answer.
    for (let turn = 0; turn < 8; turn++) await Promise.resolve()
  }
}

describe('keys that are somewhere else', () => {
  it('are asked for at the start, once, however many want them', async () => {
    const issuer = new Issuer()
    expect(issuer.source.current()).toBeNull()
    const waiting = issuer.source.refresh()
    expect(issuer.source.refresh()).toBe(waiting)
    await issuer.answer(first)
    await waiting
    expect(issuer.source.current()?.find('RS256', 'one')).toHaveLength(1)
    expect(issuer.asked).toBe(1)
  })

  it('are asked for an unknown key at most once in the cooldown', async () => {
    const issuer = new Issuer()
    await issuer.answer(first)
    // The first may come just behind the answer: keys were turned over meanwhile.
    expect(issuer.source.refresh()).not.toBeNull()
    await issuer.answer(first)
    for (let now = 0; now < 30_000; now += 1_000) {
      issuer.now = now
      expect(issuer.source.refresh()).toBeNull()
    }
    issuer.now = 30_000
    expect(issuer.source.refresh()).not.toBeNull()
    await issuer.answer(second)
    expect(issuer.source.current()?.find('ES256', 'two')).toHaveLength(1)
    expect(issuer.source.refresh()).toBeNull()
    expect(issuer.asked).toBe(3)
  })

  it('that are old are used while newer ones are asked for', async () => {
    const issuer = new Issuer()
    await issuer.answer(first)
    const before = issuer.source.current()
    issuer.now = 300_000
    expect(issuer.source.current()).toBe(before)
    expect(issuer.asked).toBe(2)
    await issuer.answer(first)
    // The same keys are the same object: what they verified is remembered.
    expect(issuer.source.current()).toBe(before)
    expect(issuer.asked).toBe(2)
  })

  it('are used while the source is away, until they are too old', async () => {
    const issuer = new Issuer()
    await issuer.answer(first)
    issuer.now = 3_599_999
    expect(issuer.source.current()).not.toBeNull()
    await issuer.answer(new Error('connection refused'))
    expect(issuer.source.trouble).toBe('connection refused')
    expect(issuer.source.current()).not.toBeNull()
    issuer.now = 3_600_000
    expect(issuer.source.current()).toBeNull()
    expect(issuer.troubles).toEqual(['connection refused'])
  })

  it('are asked for again after pauses that grow', async () => {
    const issuer = new Issuer()
    for (const pauseMs of [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      await issuer.answer(new Error('away'))
      issuer.now += pauseMs - 1
      expect(issuer.source.refresh()).toBeNull()
      issuer.now += 1
      expect(issuer.source.refresh()).not.toBeNull()
    }
    expect(issuer.troubles).toEqual(['away'])
  })

  it.each([
    ['no JSON', Buffer.from('<html>')],
    ['no key set', Buffer.from('{"error":"x"}')],
    ['no key at all', body()],
    ['no key of use', body({ kty: 'oct', k: 'AAAA' })],
  ])('stay when what comes is of no use: %s', async (_name, answer) => {
    const issuer = new Issuer()
    await issuer.answer(first)
    const before = issuer.source.current()
    issuer.now = 300_000
    issuer.source.current()
    await issuer.answer(answer)
    expect(issuer.source.current()).toBe(before)
    expect(issuer.source.trouble).not.toBeNull()
  })

  it('are asked for no more once it is closed', async () => {
    const issuer = new Issuer()
    await issuer.answer(first)
    issuer.source.close()
    issuer.now = 1_000_000
    expect(issuer.source.refresh()).toBeNull()
  })
})
