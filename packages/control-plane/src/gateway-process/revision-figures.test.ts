import { beforeEach, expect, it } from 'vitest'
import { RevisionFigures } from './revision-figures.js'

let now: number
let text: string
let figures: RevisionFigures

beforeEach(() => {
  now = 10_000
  text = ''
  figures = new RevisionFigures({ read: async () => text, now: () => now })
})

const counted = (revision: string, fast: number, all: number, errors: number): string =>
  [
    `pando_gateway_revision_request_duration_seconds_bucket{service="web",revision="${revision}",le="0.1"} ${fast}`,
    `pando_gateway_revision_request_duration_seconds_bucket{service="web",revision="${revision}",le="+Inf"} ${all}`,
    `pando_gateway_revision_errors_total{service="web",revision="${revision}"} ${errors}`,
  ].join('\n')

async function compare(since: number): Promise<ReturnType<RevisionFigures['compare']>> {
  now += 1000
  figures.compare('web', 'B', 'A', since)
  await new Promise((resolve) => setImmediate(resolve))
  return figures.compare('web', 'B', 'A', since)
}

it('gives what has come since the comparison began', async () => {
  text = counted('A', 90, 100, 5)
  expect(await compare(10_000)).toBeNull()
  const ejected = 'pando_gateway_revision_ejections_total{service="web",revision="B"} 2'
  text = `${counted('A', 180, 200, 6)}\n${counted('B', 7, 10, 4)}\n${ejected}`
  expect(await compare(10_000)).toEqual({
    fresh: {
      requests: 10,
      errors: 4,
      ejections: 2,
      durations: [
        [0.1, 7],
        [Infinity, 3],
      ],
    },
    old: {
      requests: 100,
      errors: 1,
      ejections: 0,
      durations: [
        [0.1, 90],
        [Infinity, 10],
      ],
    },
  })
})

it('begins anew with a new step, and with a new gateway', async () => {
  text = counted('B', 10, 10, 0)
  await compare(10_000)
  expect((await compare(10_000))?.fresh.requests).toBe(0)
  expect(await compare(12_500)).toBeNull()
  text = counted('B', 1, 1, 0)
  expect(await compare(12_500)).toBeNull()
  text = counted('B', 3, 3, 0)
  expect((await compare(12_500))?.fresh.requests).toBe(2)
})
