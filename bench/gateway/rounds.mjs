import { cpuTime } from './processes.mjs'
import { load } from './load.mjs'

/**
 * Measures every contestant once a round, in turn (A B C A B C …), so that what the machine does besides falls on all alike.
 * Resolves with one sample a round and contestant: CPU microseconds per request (user and system) and latencies.
 */
export async function measure({ contestants, scenario, rounds, seconds, connections, core, folder, onSample }) {
  const samples = new Map(contestants.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, pid, port } of contestants) {
      const before = pid === null ? null : cpuTime(pid)
      const result = await load({ scenario, port, connections, seconds, core, folder })
      const after = pid === null ? null : cpuTime(pid)
      const sample = {
        ...result,
        rate: result.requests / result.seconds,
        user: pid === null ? 0 : (after.user - before.user) / result.requests,
        system: pid === null ? 0 : (after.system - before.system) / result.requests,
      }
      samples.get(name).push(sample)
      onSample(name, round, sample)
    }
  }
  return samples
}

export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

export const cpu = (sample) => sample.user + sample.system

/** The median, over rounds, of this contestant's CPU time a request by the anchor's in the same round; null without an anchor. */
export function ratio(samples, anchor) {
  if (samples === undefined || anchor === undefined) return null
  return median(samples.map((sample, round) => cpu(sample) / cpu(anchor[round])))
}
