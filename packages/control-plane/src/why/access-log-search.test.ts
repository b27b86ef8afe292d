import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findRequest, readRequest } from './access-log-search.js'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pando-why-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const line = (id: string, status = 200, padding = ''): string =>
  `{"time":"2026-01-02T03:04:05.006Z","path":"/${padding}","status":${status},"endpoint":"","reason":"x","asked":"u-0","revision":"r1","requestId":"${id}"}\n`

const log = (): string => join(folder, 'access.log')

describe('findRequest', () => {
  it('finds the first, the last, and the newest of several', async () => {
    writeFileSync(log(), line('a', 1) + line('b', 2) + line('a', 3) + line('c', 4))
    expect((await findRequest(log(), 'a'))?.status).toBe(3)
    expect((await findRequest(log(), 'b'))?.status).toBe(2)
    expect(await findRequest(log(), 'c')).toMatchObject({ endpoint: 'u-0', revision: 'r1' })
    expect(await findRequest(log(), 'd')).toBeNull()
  })

  it('reads on where a line lies across chunks', async () => {
    const filler = line('x', 200, 'p'.repeat(700)).repeat(4_000)
    writeFileSync(log(), line('first', 7) + filler + line('middle', 8) + filler)
    expect((await findRequest(log(), 'first'))?.status).toBe(7)
    expect((await findRequest(log(), 'middle'))?.status).toBe(8)
  })

  it('looks into renamed files, and no further than it may', async () => {
    writeFileSync(`${log()}.1`, line('old', 5))
    writeFileSync(log(), line('new', 6))
    expect((await findRequest(log(), 'old'))?.status).toBe(5)
    expect(await findRequest(log(), 'old', 10)).toBeNull()
  })

  it('finds nothing where there is no log, and reads no line that is not one', async () => {
    expect(await findRequest(join(folder, 'none', 'access.log'), 'a')).toBeNull()
    expect(readRequest('{"time":')).toBeNull()
    expect(readRequest('{"time":"never"}')).toBeNull()
  })
})
