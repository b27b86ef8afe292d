import { expect, test } from 'vitest'
import { EndsToTell } from './worker-ends.js'

const end = {
  at: 1,
  worker: 1,
  workers: 2,
  how: 'ended by SIGKILL',
  hasServed: true,
  inARow: 0,
  pauseMs: 0,
  error: '',
  lines: [],
}

test('ends that nobody has heard of are kept up to a number, and counted all', () => {
  const ends = new EndsToTell()
  expect(ends.report).toBeNull()
  for (let index = 0; index < 20; index++) ends.add(end)
  expect(ends.report).toMatchObject({ count: 20, told: 0 })
  expect(ends.report?.recent.map(({ number }) => number)).toEqual([13, 14, 15, 16, 17, 18, 19, 20])
})

test('what came after the report that was taken is still to be told', () => {
  const ends = new EndsToTell()
  ends.add(end)
  const sent = ends.report
  if (sent === null) throw new Error('nothing was reported')
  ends.add(end)
  ends.taken(sent)
  expect(ends.report).toMatchObject({ count: 2, told: 1, recent: [{ number: 2 }] })
  ends.taken({ count: 2, told: 1, recent: [] })
  ends.taken(sent)
  expect(ends.report).toMatchObject({ count: 2, told: 2, recent: [{ number: 2 }] })
  ends.add(end)
  expect(ends.report?.recent.map(({ number }) => number)).toEqual([3])
})
