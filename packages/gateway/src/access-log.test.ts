import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AccessLog, AccessRecord } from './access-log.js'
import { recordSize, writeRecord } from './access-record.js'
import { Counter } from './metrics/registry.js'
import { TimerWheel } from './timer-wheel.js'

let folder = ''
let wheel: TimerWheel
let dropped: Counter

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pando-log-'))
  wheel = new TimerWheel()
  dropped = new Counter()
})

afterEach(() => {
  wheel.stop()
  rmSync(folder, { recursive: true, force: true })
})

function record(path: string): AccessRecord {
  const made = new AccessRecord()
  made.client = '127.0.0.1'
  made.bytes = Buffer.from('GETexample.org')
  made.methodEnd = 3
  made.hostStart = 3
  made.hostEnd = 14
  made.path = Buffer.from(path, 'latin1')
  made.pathLength = made.path.length
  made.status = 200
  made.responseBytes = 12
  made.durationMs = 1.23456
  made.route = 'users/0'
  made.service = 'users'
  made.endpoint = 'users-1'
  made.requestId = Buffer.from('__abc__')
  made.requestIdStart = 2
  made.requestIdEnd = 5
  return made
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe('AccessLog', () => {
  it('names the endpoint that was asked last beside the reason, only when none answered', () => {
    const written = record('/')
    const out = Buffer.alloc(4_096)
    const parse = () => JSON.parse(out.toString('latin1', 0, writeRecord(written, 'now', out, 0))) as object
    expect(parse()).not.toHaveProperty('asked')
    written.endpoint = ''
    written.asked = 'users-2'
    written.reason = 'upstream_closed'
    expect(parse()).toMatchObject({ endpoint: '', reason: 'upstream_closed', asked: 'users-2' })
    expect(parse()).not.toHaveProperty('grpcStatus')
    written.grpcStatus = 'UNAVAILABLE'
    expect(parse()).toMatchObject({ status: 200, grpcStatus: 'UNAVAILABLE' })
    expect(parse()).not.toHaveProperty('revision')
    written.revision = 'abc123'
    expect(parse()).toMatchObject({ asked: 'users-2', revision: 'abc123', requestId: 'abc' })
  })

  it('writes JSON lines to a file of mode 0600', async () => {
    const path = join(folder, 'access.log')
    const log = new AccessLog({ path, wheel, dropped, now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6) })
    log.append(record('/users/1'))
    log.append(record('/users/2'))
    await log.close()
    const [first, second, end] = readFileSync(path, 'utf8').split('\n')
    expect(JSON.parse(first ?? '')).toEqual({
      time: '2026-01-02T03:04:05.006Z',
      client: '127.0.0.1',
      method: 'GET',
      host: 'example.org',
      path: '/users/1',
      status: 200,
      requestBytes: 0,
      responseBytes: 12,
      durationMs: 1.23,
      route: 'users/0',
      service: 'users',
      endpoint: 'users-1',
      requestId: 'abc',
    })
    expect(JSON.parse(second ?? '').path).toBe('/users/2')
    expect(end).toBe('')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(dropped.value).toBe(0)
  })

  it('writes by itself after a while', async () => {
    const path = join(folder, 'access.log')
    const log = new AccessLog({ path, wheel, dropped })
    log.append(record('/'))
    await until(() => statSync(path, { throwIfNoEntry: false })?.size !== undefined && readFileSync(path).length > 0)
    await log.close()
    expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(2)
  })

  it('drops and counts what does not fit, and loses nothing else', async () => {
    const path = join(folder, 'access.log')
    const log = new AccessLog({ path, wheel, dropped })
    // Nothing reaches the disk within this one turn of the event loop.
    for (let index = 0; index < 5_000; index++) log.append(record(`/${index}`))
    expect(dropped.value).toBeGreaterThan(0)
    await log.close()
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
    expect(lines.length + dropped.value).toBe(5_000)
    lines.forEach((line, index) => expect(JSON.parse(line).path).toBe(`/${index}`))
  })

  it('goes on in a new file when it is reopened after a rename', async () => {
    const path = join(folder, 'access.log')
    const log = new AccessLog({ path, wheel, dropped })
    log.append(record('/before'))
    log.flush()
    await until(() => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0 || (log.flush(), false))
    renameSync(path, `${path}.1`)
    log.reopen()
    await until(() => statSync(path, { throwIfNoEntry: false }) !== undefined)
    log.append(record('/after'))
    await log.close()
    expect(JSON.parse(readFileSync(`${path}.1`, 'utf8')).path).toBe('/before')
    expect(JSON.parse(readFileSync(path, 'utf8')).path).toBe('/after')
  })

  it('counts all lines as dropped and says why when the file cannot be opened', async () => {
    const errors: Error[] = []
    const log = new AccessLog({
      path: join(folder, 'none', 'access.log'),
      wheel,
      dropped,
      onError: (error) => errors.push(error),
    })
    await until(() => errors.length > 0)
    for (let index = 0; index < 2_000; index++) log.append(record('/'))
    await log.close()
    expect(errors).toHaveLength(1)
    expect(dropped.value).toBe(2_000)
  })
})

describe('writeRecord', () => {
  it('makes one parsable line of anything, within the size it announced', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.string({ unit: 'binary', minLength: 1 }), (bytes, text) => {
        const made = record('/')
        made.bytes = bytes
        made.methodEnd = bytes.length
        made.hostStart = 0
        made.hostEnd = bytes.length
        made.route = text
        made.reason = text
        made.retries = 1
        made.status = 429
        made.grpcStatus = 'RESOURCE_EXHAUSTED'
        made.isCut = true
        made.requestId = bytes
        made.requestIdStart = 0
        made.requestIdEnd = bytes.length
        const out = Buffer.alloc(recordSize(made) + 1, 0x7f)
        const length = writeRecord(made, 't', out, 0)
        const line = out.toString('latin1', 0, length)
        expect(length).toBeLessThanOrEqual(recordSize(made))
        expect(line.indexOf('\n')).toBe(length - 1)
        const latin1 = Buffer.from(bytes).toString('latin1')
        expect(JSON.parse(line)).toMatchObject({
          method: latin1,
          host: latin1,
          route: text,
          reason: text,
          requestId: latin1,
          retries: 1,
        })
      }),
    )
  })
})
