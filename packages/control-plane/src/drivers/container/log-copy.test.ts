import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { seededRandom } from '../../../../../test/support/seeded-random.js'
import { ManualClock } from '../../registry/manual-clock.suite.js'
import type { EngineClient } from './engine-client.js'
import { LogCopy } from './log-copy.js'
import { sinceOf } from './output-frames.js'

let folder: string
let clock: ManualClock
/** The engine's own copy, in the order in which it was written down. */
let kept: { at: string; text: string }[]
let asked: string[]
/** How much of what it has the engine gives in the next answers, before it breaks off. */
let given: () => number

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pando-log-copy-'))
  clock = new ManualClock()
  ;[kept, asked, given] = [[], [], () => Number.POSITIVE_INFINITY]
})

afterEach(() => rmSync(folder, { recursive: true }))

function frame(at: string, text: string): Buffer {
  const payload = Buffer.from(`${at} ${text}\n`)
  const head = Buffer.alloc(8)
  head[0] = 1
  head.writeUInt32BE(payload.length, 4)
  return Buffer.concat([head, payload])
}

/** Milliseconds and nanoseconds of the first minute of 2026. */
const at = (ms: number, ns = 0): string =>
  new Date(Date.UTC(2026, 0, 1) + ms).toISOString().replace('Z', `${String(ns).padStart(6, '0')}Z`)

async function* answer(since: string): AsyncGenerator<Buffer> {
  let left = given()
  for (const entry of kept) {
    if (sinceOf(entry.at) < since) continue
    if (left-- <= 0) throw new Error('the engine is away')
    yield frame(entry.at, entry.text)
  }
}

const stream = async (_method: string, _path: string, { query }: { query: Record<string, string> }) => {
  const since = query['since'] ?? ''
  asked.push(since)
  return Readable.from(answer(since))
}

const open = () =>
  new LogCopy({
    engine: { stream } as unknown as Pick<EngineClient, 'stream'>,
    container: 'c',
    logFile: join(folder, 'log'),
    positionFile: join(folder, 'position'),
    clock,
  })
const copied = (): string => (existsSync(join(folder, 'log')) ? readFileSync(join(folder, 'log'), 'utf8') : '')
const whole = (): string => kept.map(({ text }) => `${text}\n`).join('')
/** What streams and promises have begun is done. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => void setImmediate(resolve))
}

it('doubles nothing when errors were written down before output that is older', async () => {
  kept = [
    { at: at(0, 1), text: 'out 1' },
    { at: at(0, 4), text: 'error' },
    { at: at(0, 2), text: 'out 2' },
    { at: at(0, 3), text: 'out 3' },
  ]
  const copy = open()
  await expect.poll(copied).toContain('out 3')
  await copy.finish()
  expect(asked).toHaveLength(2)
  expect(copied()).toBe(whole())
})

it('loses nothing that is written down late with an older time, just as a stream ends', async () => {
  kept = [
    { at: at(100), text: 'out 1' },
    { at: at(900), text: 'error' },
  ]
  const copy = open()
  await expect.poll(copied).toBe(whole())
  kept.push({ at: at(899), text: 'out 2' }, { at: at(10), text: 'out 3' })
  await copy.finish()
  expect(copied()).toBe(whole())
})

it('does not double what it has when the engine has rotated some of it away', async () => {
  kept = [1, 2, 3, 4].map((each) => ({ at: at(each * 100), text: `out ${each}` }))
  const copy = open()
  await expect.poll(copied).toBe(whole())
  const before = whole()
  kept.splice(0, 2)
  kept.push({ at: at(500), text: 'out 5' })
  await copy.finish()
  expect(copied()).toBe(`${before}out 5\n`)
})

it('goes on with what there is when the engine has rotated all of it away', async () => {
  kept = [{ at: at(100), text: 'out 1' }]
  const copy = open()
  await expect.poll(copied).toBe(whole())
  kept = [{ at: at(9000), text: 'out 2' }]
  await copy.finish()
  expect(copied()).toBe('out 1\nout 2\n')
})

it.each([1, 2, 3, 4, 5, 6])('has every line once, however it is cut short and killed (%s)', async (seed) => {
  const random = seededRandom(seed)
  const position = join(folder, 'position')
  given = () => Math.floor(random() * 60)
  let copy = open()
  let now = 0
  for (let step = 0; step < 80; step++) {
    for (let count = Math.floor(random() * 12); count > 0; count--) {
      now += Math.floor(random() ** 4 * 3000)
      // Up to a second late, some at the very same time.
      const late = random() < 0.4 ? Math.floor(random() * 1000) : 0
      kept.push({ at: at(Math.max(0, now - late), Math.floor(random() * 3)), text: `line ${kept.length}` })
    }
    await settled()
    clock.go(Math.floor(random() * 700))
    await settled()
    if (random() > 0.2) continue
    // Killed: what it would still have noted is not.
    const noted = existsSync(position) ? readFileSync(position) : null
    copy.close()
    if (noted === null) rmSync(position, { force: true })
    else writeFileSync(position, noted)
    copy = open()
  }
  given = () => Number.POSITIVE_INFINITY
  await settled()
  await copy.finish()
  expect(kept.length).toBeGreaterThan(200)
  expect(copied()).toBe(whole())
})
