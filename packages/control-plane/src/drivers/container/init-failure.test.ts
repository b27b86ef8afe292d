import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import type { ContainerDetails } from './engine-types.js'
import { initFailureIn, initFailureOf } from './init-failure.js'

it.each([
  ['ERROR (catatonit:6): failed to exec pid1: No such file or directory\n', 127],
  ['ERROR (catatonit:2): failed to exec pid1: Permission denied\n', 126],
])('of %s is a shell’s code', (output, code) => {
  expect(initFailureIn(output)).toEqual({ code, line: output.trim() })
})

it('is none where the program itself has ended', () => {
  expect(initFailureIn('ERROR: no database\n')).toBeNull()
  expect(initFailureIn('')).toBeNull()
})

const clockAt = (now: number) => ({
  now: () => now,
  after(_ms: number, callback: () => void) {
    setImmediate(callback)
    return () => {}
  },
})

/** An engine that gives these logs one after the other, the last one again and again. */
function engineOf(logs: readonly string[]): {
  asked: number
  isPodman(): Promise<boolean>
  stream(): Promise<never>
} {
  return {
    asked: 0,
    isPodman: () => Promise.resolve(true),
    stream() {
      const line = Buffer.from(logs[Math.min(this.asked++, logs.length - 1)])
      const header = Buffer.from([2, 0, 0, 0, 0, 0, 0, line.length])
      return Promise.resolve(Readable.from(line.length === 0 ? [] : [Buffer.concat([header, line])]) as never)
    },
  }
}

describe('the log of a container of Podman that has ended with 1', () => {
  const failed = 'ERROR (catatonit:2): failed to exec pid1: No such file or directory\n'
  const finishedAt = Date.parse('2026-01-02T03:04:05Z')
  const details = (ExitCode: number) =>
    ({ Id: 'c', State: { ExitCode, FinishedAt: new Date(finishedAt).toISOString() } }) as ContainerDetails

  it('is asked again while it has no line, as that may come late', async () => {
    const engine = engineOf(['', '', failed])
    expect(await initFailureOf(engine, details(1), clockAt(finishedAt + 20))).toMatchObject({ code: 127 })
    expect(engine.asked).toBe(3)
  })

  it.each([
    ['so often', [''], 20, 10],
    ['of one that has ended long ago, once', [''], 5_000, 1],
    ['of one that has said something, once', ['no database\n'], 20, 1],
  ])('is asked %s', async (_, logs, after, times) => {
    const engine = engineOf(logs)
    expect(await initFailureOf(engine, details(1), clockAt(finishedAt + after))).toBeNull()
    expect(engine.asked).toBe(times)
  })

  it('is not asked when it has ended otherwise', async () => {
    const engine = engineOf([failed])
    expect(await initFailureOf(engine, details(2), clockAt(finishedAt))).toBeNull()
    expect(engine.asked).toBe(0)
  })
})
