import {
  appendFileSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LogLine } from '@pando/model'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock, type Clock } from '../clock.js'
import type { InstanceReport } from '../drivers/driver.js'
import { startOrder } from '../drivers/driver.suite.js'
import { InstanceLogs, type InstanceLogQuery } from './instance-logs.js'
import { pruneLogs } from './log-files.js'
import { LogRotation } from './log-rotation.js'

const all: InstanceLogQuery = { services: [], since: null, tail: null, follow: false }

let stateDir: string
let now: number
const clock: Clock = { now: () => now, after: systemClock.after }

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'pando-logs-'))
  now = 1_700_000_000_000
})

afterEach(() => rmSync(stateDir, { recursive: true, force: true }))

function logFile(id: string, service = 'a'): string {
  mkdirSync(join(stateDir, 'logs', service), { recursive: true })
  return join(stateDir, 'logs', service, `${id}.log`)
}

function report(id: string, policy = { maxBytes: 1000, maxFiles: 3 }, service = 'a'): InstanceReport {
  const { slot, revision, generation, address, spec } = startOrder(id)
  const state = { kind: 'running' } as const
  const file = logFile(id, service)
  const common = { id, service, slot, revision, generation, address, state }
  return { ...common, pid: 1, startedAt: 0, resources: spec.resources, logs: policy, logFile: file, notes: [] }
}

function rotation(...reports: InstanceReport[]): LogRotation {
  return new LogRotation({ driver: { list: async () => reports }, clock })
}

async function read(query: Partial<InstanceLogQuery> = {}): Promise<LogLine[]> {
  const lines: LogLine[] = []
  const logs = new InstanceLogs({ stateDir, clock })
  for await (const line of logs.read({ ...all, ...query }, new AbortController().signal)) lines.push(line)
  return lines
}

async function texts(query: Partial<InstanceLogQuery> = {}): Promise<string[]> {
  return (await read(query)).map(({ line }) => line)
}

describe('LogRotation', () => {
  it('keeps a log that is no instance’s within its policy, and loses no line of whoever appends to it', async () => {
    const logFile = join(stateDir, 'access.log')
    const plain = [{ logFile, logs: { maxBytes: 10, maxFiles: 3 } }]
    const rotating = new LogRotation({ driver: { list: async () => [] }, plain, clock })
    await rotating.check()
    const writer = openSync(logFile, 'a')
    for (const text of ['first line\n', 'second line\n', 'third line\n', 'fourth line\n', 'tiny\n']) {
      writeSync(writer, text)
      await rotating.check()
    }
    closeSync(writer)
    const names = readdirSync(stateDir).filter((name) => name.startsWith('access.log'))
    expect(names.sort()).toEqual(['access.log', 'access.log.1', 'access.log.2'])
    const texts = names.map((name) => readFileSync(join(stateDir, name), 'utf8'))
    expect(texts).toEqual(['tiny\n', 'fourth line\n', 'third line\n'])
  })

  it('cuts a log that is over its size, and keeps as many files as the policy says', async () => {
    const a = report('a-0', { maxBytes: 10, maxFiles: 3 })
    const rotating = rotation(a)
    for (const text of ['first line\n', 'second line\n', 'third line\n', 'fourth line\n', 'tiny\n']) {
      appendFileSync(a.logFile, text)
      await rotating.check()
    }
    expect(
      readdirSync(join(stateDir, 'logs/a'))
        .filter((name) => !name.endsWith('.index'))
        .sort(),
    ).toEqual(['a-0.log', 'a-0.log.1', 'a-0.log.2'])
    expect(readFileSync(`${a.logFile}.1`, 'utf8')).toBe('fourth line\n')
    expect(await texts()).toEqual(['third line', 'fourth line', 'tiny'])
  })

  it('only cuts where one file is allowed', async () => {
    const a = report('a-0', { maxBytes: 10, maxFiles: 1 })
    appendFileSync(a.logFile, 'more than ten bytes\n')
    await rotation(a).check()
    expect(readFileSync(a.logFile, 'utf8')).toBe('')
    expect(readdirSync(join(stateDir, 'logs/a'))).toEqual(['a-0.log'])
  })

  it('loses nothing of a program that writes at leisure while it rotates', async () => {
    const a = report('a-0', { maxBytes: 2000, maxFiles: 1000 })
    const rotating = rotation(a)
    const script = 'i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo "line $i"; [ $((i % 50)) = 0 ] && sleep 0.01; done'
    const child = spawn('sh', ['-c', `{ ${script}; } >> "$0"`, a.logFile], { stdio: 'ignore' })
    const ended = new Promise((resolve) => child.once('exit', resolve))
    while (child.exitCode === null) {
      await rotating.check()
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await ended
    const lines = await texts()
    expect(statSync(`${a.logFile}.1`).size).toBeGreaterThan(2000)
    // A write between the last read and the cut is lost, which is a matter of microseconds: allow for one here and there.
    expect(lines.length).toBeGreaterThan(1950)
    expect(new Set(lines).size).toBe(lines.length)
    const numbers = lines.map((line) => Number(line.split(' ')[1]))
    expect(numbers).toEqual([...numbers].sort((x, y) => x - y))
  })

  it('starts the time index over when someone else has cut the log', async () => {
    const a = report('a-0')
    const rotating = rotation(a)
    appendFileSync(a.logFile, 'a long first line\n')
    await rotating.check()
    truncateSync(a.logFile)
    appendFileSync(a.logFile, 'new\n')
    now += 60_000
    await rotating.check()
    expect(await read()).toEqual([{ service: 'a', instance: 'a-0', at: now, line: 'new' }])
  })
})

describe('InstanceLogs', () => {
  it('merges instances by the time at which their lines were seen', async () => {
    const a = report('a-0')
    const b = report('b-0', undefined, 'b')
    const rotating = rotation(a, b)
    for (const [file, text] of [
      [a.logFile, 'one\n'],
      [b.logFile, 'two\n'],
      [a.logFile, 'three\nfour\n'],
      [b.logFile, 'five\n'],
    ] as const) {
      appendFileSync(file, text)
      now += 1000
      await rotating.check()
    }
    expect(await texts()).toEqual(['one', 'two', 'three', 'four', 'five'])
    expect((await read()).map(({ at }) => at)).toEqual([1, 2, 3, 3, 4].map((s) => 1_700_000_000_000 + s * 1000))
    expect(await texts({ services: ['b'] })).toEqual(['two', 'five'])
    expect(await texts({ instances: ['a-0'] })).toEqual(['one', 'three', 'four'])
  })

  it('begins at a time, in rotated files too', async () => {
    const a = report('a-0', { maxBytes: 8, maxFiles: 5 })
    const rotating = rotation(a)
    const times: number[] = []
    for (const text of ['one', 'two', 'three', 'four', 'five', 'six']) {
      appendFileSync(a.logFile, `${text}\n`)
      times.push((now += 1000))
      await rotating.check()
    }
    expect(readdirSync(join(stateDir, 'logs/a'))).toContain('a-0.log.2')
    for (const [index, at] of times.entries()) {
      expect(await texts({ since: at })).toEqual(['one', 'two', 'three', 'four', 'five', 'six'].slice(index))
    }
    expect(await texts({ since: now + 1 })).toEqual([])
  })

  it('leaves out the end of a line that had begun before', async () => {
    const a = report('a-0')
    const rotating = rotation(a)
    appendFileSync(a.logFile, 'whole\nbegun ')
    await rotating.check()
    now += 5000
    appendFileSync(a.logFile, 'before\nafter\n')
    await rotating.check()
    expect(await texts({ since: now })).toEqual(['after'])
  })

  it('gives the last lines of each instance, over rotated files', async () => {
    const a = report('a-0', { maxBytes: 8, maxFiles: 5 })
    const rotating = rotation(a)
    for (const text of ['one\ntwo\nthree\n', 'four\n', 'five\nsix\n', 'seven']) {
      appendFileSync(a.logFile, text)
      await rotating.check()
    }
    writeFileSync(logFile('b-0', 'b'), 'x\ny\n')
    const lines = ['one', 'two', 'three', 'four', 'five', 'six', 'seven']
    for (let tail = 0; tail <= 8; tail += 1) {
      expect(await texts({ tail, services: ['a'] })).toEqual(tail === 0 ? [] : lines.slice(-tail))
    }
    expect((await texts({ tail: 1 })).sort()).toEqual(['seven', 'y'])
  })

  it('takes the time of the file for what nobody has looked at', async () => {
    const file = logFile('a-0')
    writeFileSync(file, 'x\n')
    utimesSync(file, 1_600_000_000, 1_600_000_000)
    expect(await read()).toEqual([{ service: 'a', instance: 'a-0', at: 1_600_000_000_000, line: 'x' }])
  })

  it('cuts long lines between characters, and replaces what is no UTF-8', async () => {
    const long = '€'.repeat(50_000)
    writeFileSync(logFile('a-0'), Buffer.concat([Buffer.from(`${long}\r\n`), Buffer.from([0x61, 0xff, 0x62, 0x0a])]))
    const lines = await texts()
    expect(lines.every((line) => Buffer.byteLength(line) <= 65_536)).toBe(true)
    expect(lines.at(-1)).toBe('a\uFFFDb')
    expect(lines.slice(0, -1).join('')).toBe(long)
    expect(lines).toHaveLength(4)
  })

  it('follows over rotations, and to instances that start later, and ends when told to', async () => {
    const a = report('a-0', { maxBytes: 20, maxFiles: 10 })
    const b = report('b-0', { maxBytes: 20, maxFiles: 10 }, 'b')
    const rotating = rotation(a, b)
    appendFileSync(a.logFile, 'a 0\n')
    const abort = new AbortController()
    const seen: string[] = []
    const logs = new InstanceLogs({ stateDir, clock })
    const following = (async () => {
      for await (const { line } of logs.read({ ...all, follow: true }, abort.signal)) seen.push(line)
    })()
    const wait = async (line: string): Promise<void> => {
      const end = Date.now() + 10_000
      while (!seen.includes(line)) {
        if (Date.now() > end) throw new Error(`never saw ${line}: ${seen.join(', ')}`)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }
    await wait('a 0')
    // Two rotations between two looks, then one, then a new instance.
    for (let i = 1; i <= 12; i += 1) {
      appendFileSync(a.logFile, `a ${i}\n`)
      if (i % 5 === 0) await rotating.check()
    }
    await wait('a 12')
    for (let i = 13; i <= 18; i += 1) appendFileSync(a.logFile, `a ${i}\n`)
    await rotating.check()
    appendFileSync(b.logFile, 'b 0\nwithout an end')
    await wait('without an end')
    abort.abort()
    await following
    const expected = Array.from({ length: 19 }, (_, i) => `a ${i}`)
    expect(seen.filter((line) => line.startsWith('a '))).toEqual(expected)
    expect(seen.filter((line) => !line.startsWith('a '))).toEqual(['b 0', 'without an end'])
  })
})

describe('pruneLogs', () => {
  it('keeps the newest twenty logs of ended instances, and all of present ones', () => {
    for (let i = 0; i < 25; i += 1) {
      const file = logFile(`a-${i}`)
      for (const name of [file, `${file}.1`, `${file}.index`]) {
        writeFileSync(name, 'x')
        utimesSync(name, 1000 + i, 1000 + i)
      }
    }
    pruneLogs(join(stateDir, 'logs/a'), new Set(['a-0']))
    const left = readdirSync(join(stateDir, 'logs/a')).filter((name) => name.endsWith('.log'))
    expect(left).toHaveLength(21)
    expect(left).toContain('a-0.log')
    expect(left).not.toContain('a-4.log')
    expect(left).toContain('a-5.log')
    expect(readdirSync(join(stateDir, 'logs/a'))).toHaveLength(63)
  })
})
