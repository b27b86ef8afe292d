import { expect, it } from 'vitest'
import type { Clock } from '../../clock.js'
import { UsageMeter, type Usage } from './usage-meter.js'

it('answers in time with what was known last, and asks once at a time', async () => {
  const waiting: (() => void)[] = []
  const clock = { now: () => 0, after: (_ms: number, run: () => void) => (waiting.push(run), () => {}) } as Clock
  const answers: ((usage: Usage | null) => void)[] = []
  const meter = new UsageMeter({ clock, ask: () => new Promise((resolve) => answers.push(resolve)) })
  const one = { memoryBytes: 1, cpuSeconds: 1 }

  const first = meter.of('a-0')
  answers[0]?.(one)
  expect(await first).toEqual(one)

  const second = meter.of('a-0')
  const third = meter.of('a-0')
  expect(answers).toHaveLength(2)
  for (const run of waiting) run()
  expect([await second, await third]).toEqual([one, one])

  answers[1]?.(null)
  await new Promise((resolve) => setImmediate(resolve))
  const fourth = meter.of('a-0')
  expect(answers).toHaveLength(3)
  for (const run of waiting) run()
  expect(await fourth).toBe(null)
})
