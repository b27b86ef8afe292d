import { cpuTime } from './processes.mjs'
import { load } from './load.mjs'

/**
 * Measures every contestant once a round, there and back (A B C C B A …), so that what the machine does besides falls on all alike.
 * Resolves with one sample a round and contestant: CPU microseconds per request (user and system) and latencies.
 * A contestant is `{ name, pid, port, scenario }`, with a `pid` of null when its time is of no interest; one with `mostRounds` takes part in no more.
 */
export async function measure({ contestants, rounds, onSample, ...settings }) {
  const samples = new Map(contestants.map(({ name }) => [name, []]))
  const asked = new Map(contestants.map(({ name }) => [name, 0]))
  await warmUp(contestants, settings, asked)
  for (let round = 0; round < rounds; round += 1) {
    for (const contestant of round % 2 === 0 ? contestants : contestants.toReversed()) {
      const { name, mostRounds = rounds } = contestant
      if (round >= mostRounds) continue
      const sample = await sampleOf(contestant, settings, asked)
      samples.get(name).push(sample)
      onSample(name, round, sample)
    }
  }
  return samples
}

/** So that no one is measured while it is still being compiled; native programs need none. */
async function warmUp(contestants, settings, asked) {
  for (const contestant of contestants) {
    if (contestant.isNative === true) continue
    for (let turn = 0; turn < mostWarmUps && asked.get(contestant.name) < warmAfter; turn++) {
      await sampleOf(contestant, { ...settings, seconds: 1 }, asked)
    }
  }
}

/** About four seconds: one that serves many pairs would else be warmer than one that serves a single one. */
const warmAfter = 120_000
/** Where the machine is too busy for so many. */
const mostWarmUps = 6

async function sampleOf({ name, pid, port, scenario }, settings, asked) {
  const started = pid === null ? null : cpuTime(pid)
  let result = { requests: 0 }
  // A slow one may answer nothing in its second on a machine that is busy; then it gets another.
  for (let turn = 0; result.requests === 0; turn++) {
    if (turn === mostTurns) throw new Error(`${name} answers nothing.`)
    result = await load({ ...settings, scenario, port, first: asked.get(name) })
  }
  const ended = pid === null ? null : cpuTime(pid)
  asked.set(name, asked.get(name) + result.requests + connectionsAtOnce)
  return {
    ...result,
    rate: result.requests / result.seconds,
    user: pid === null ? 0 : (ended.user - started.user) / result.requests,
    system: pid === null ? 0 : (ended.system - started.system) / result.requests,
  }
}

const mostTurns = 5

/** Requests under way when the time is over are not counted as answered. */
const connectionsAtOnce = 64

export function median(numbers) {
  return quantile(numbers, 0.5)
}

/** Between two numbers in proportion. */
export function quantile(numbers, share) {
  const sorted = numbers.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const below = Math.floor(at)
  const above = Math.ceil(at)
  return sorted[below] + (sorted[above] - sorted[below]) * (at - below)
}

export const cpu = (sample) => sample.user + sample.system

/** This contestant's CPU time a request by the anchor's in the same round, round by round; null without an anchor. */
export function ratios(samples, anchor) {
  if (samples === undefined || anchor === undefined) return null
  return samples.map((sample, round) => cpu(sample) / cpu(anchor[round]))
}

/** The median of the rounds' ratios. */
export function ratio(samples, anchor) {
  const all = ratios(samples, anchor)
  return all === null ? null : median(all)
}

/** How much more CPU time a request took than `without`, round by round. */
export function added(samples, without) {
  return samples.map((sample, round) => cpu(sample) - cpu(without[round]))
}
