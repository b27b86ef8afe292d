import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { ManualClock } from '../../registry/manual-clock.suite.js'
import type { EngineClient } from './engine-client.js'
import { LogCopy } from './log-copy.js'
import { sinceOf } from './output-frames.js'

function frame(at: string, text: string): Buffer {
  const payload = Buffer.from(`${at} ${text}\n`)
  const head = Buffer.alloc(8)
  head[0] = 1
  head.writeUInt32BE(payload.length, 4)
  return Buffer.concat([head, payload])
}

const at = (nanoseconds: number): string => `2026-01-01T00:00:00.${String(nanoseconds).padStart(9, '0')}Z`

it('doubles nothing when errors were written down before output that is older', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pando-log-copy-'))
  const kept = [
    { at: at(1), text: 'out 1' },
    { at: at(4), text: 'error' },
    { at: at(2), text: 'out 2' },
    { at: at(3), text: 'out 3' },
  ]
  const asked: string[] = []
  const stream = async (_method: string, _path: string, { query }: { query: Record<string, string> }) => {
    const since = query['since'] ?? ''
    asked.push(since)
    return Readable.from(kept.filter((entry) => sinceOf(entry.at) >= since).map((entry) => frame(entry.at, entry.text)))
  }
  try {
    const logFile = join(folder, 'log')
    const copy = new LogCopy({
      engine: { stream } as unknown as Pick<EngineClient, 'stream'>,
      container: 'c',
      logFile,
      positionFile: join(folder, 'position'),
      clock: new ManualClock(),
    })
    await expect.poll(() => readFileSync(logFile, 'utf8')).toContain('out 3')
    await copy.finish()
    expect(asked).toHaveLength(2)
    expect(readFileSync(logFile, 'utf8')).toBe('out 1\nerror\nout 2\nout 3\n')
  } finally {
    rmSync(folder, { recursive: true })
  }
})
