import type { AutoscaleSpec } from '@pando/model'
import type { Load, Past, Usage } from './decide.js'

/** The load is a mean over so long, so that one moment moves nothing. */
const meanMs = 5000
/** Processor time is counted over longer: it comes in bursts. */
const cpuMs = 15_000
/** Without figures for so long nobody can say that there were no requests. */
const gapMs = 10_000

/** What is measured of one service at one moment. */
export interface Figures {
  /** In flight and waiting in the gateway; null when it does not answer. */
  readonly inFlight: number | null
  /** Requests that have ended since the gateway's start; null when it does not answer. */
  readonly requests: number | null
  /** Of every healthy instance that tells. */
  readonly usage: readonly InstanceUsage[]
}

export interface InstanceUsage {
  readonly instance: string
  readonly cpuSeconds: number
  readonly memoryBytes: number
}

export interface Limits {
  readonly cpus: number | null
  readonly memoryBytes: number | null
}

interface Sample extends Figures {
  readonly at: number
}

/** What is remembered of one service: as much of it as the longest window needs. A new one knows the present count only. */
export class Memory {
  #samples: Sample[] = []
  #asked: { at: number; replicas: number }[]
  #moves: { at: number; by: number }[] = []
  #present: number
  #idleSince: number | null = null
  #figuresAt = -Infinity
  #hasFigures = false
  /** As the gateway said last. */
  #requests: number | null = null

  constructor(present: number, now: number) {
    this.#present = present
    // As the first thing asked for it holds the count for a window, so that a new control plane takes nothing away at once.
    this.#asked = [{ at: now, replicas: present }]
  }

  /** Takes in what was measured, and the count that is wanted by now, whoever has changed it. */
  note(figures: Figures, present: number, now: number): void {
    if (present !== this.#present) {
      this.#moves.push({ at: now, by: present - this.#present })
      // Whoever woke it wants to use it.
      if (this.#present === 0) this.#idleSince = null
      this.#present = present
    }
    const isAnother = this.#requests !== null && figures.requests !== null && figures.requests < this.#requests
    if (isAnother) this.#samples = []
    this.#noteIdle(figures, now)
    this.#samples.push({ ...figures, at: now })
    this.#samples = this.#samples.filter(({ at }) => now - at <= cpuMs)
  }

  /** Remembers what was asked for; forgets what no window of the spec reaches any more. */
  remember(asked: number | null, spec: AutoscaleSpec, now: number): void {
    if (asked !== null) this.#asked.push({ at: now, replicas: asked })
    const windowMs = Math.max(spec.up.stabilizationMs, spec.down.stabilizationMs)
    const periodMs = Math.max(spec.up.periodMs, spec.down.periodMs)
    this.#asked = this.#asked.filter(({ at }) => now - at < windowMs)
    this.#moves = this.#moves.filter(({ at }) => now - at < periodMs)
  }

  get past(): Past {
    return { asked: this.#asked, moves: this.#moves, idleSince: this.#hasFigures ? this.#idleSince : null }
  }

  load(limits: Limits, now: number): Load {
    const recent = this.#samples.filter(({ at }) => now - at <= meanMs)
    return { inFlight: meanInFlight(recent), rps: rateOf(recent), ...this.#usage(limits) }
  }

  #noteIdle({ inFlight, requests }: Figures, now: number): void {
    this.#hasFigures = inFlight !== null && requests !== null
    if (inFlight === null || requests === null) return
    const hasGap = now - this.#figuresAt > gapMs
    const isBusy = inFlight > 0 || requests !== (this.#requests ?? requests)
    // What was asked for before says nothing any more: the count holds for a window, as at the beginning.
    if (hasGap) this.#asked.push({ at: now, replicas: this.#present })
    this.#figuresAt = now
    this.#requests = requests
    if (isBusy) this.#idleSince = null
    else if (this.#idleSince === null || hasGap) this.#idleSince = now
  }

  #usage({ cpus, memoryBytes }: Limits): { cpu: Usage | null; memory: Usage | null } {
    const last = this.#samples.at(-1)
    if (last === undefined || last.usage.length === 0) return { cpu: null, memory: null }
    const memory = memoryBytes === null ? null : sum(last.usage.map((usage) => (usage.memoryBytes / memoryBytes) * 100))
    const rates = last.usage.flatMap(({ instance, cpuSeconds }) => {
      const first = this.#samples
        .flatMap(({ at, usage }) => usage.map((one) => ({ ...one, at })))
        .find((one) => one.instance === instance)
      const seconds = first === undefined ? 0 : (last.at - first.at) / 1000
      return first === undefined || seconds <= 0 ? [] : [Math.max(0, cpuSeconds - first.cpuSeconds) / seconds]
    })
    const cpu = cpus === null || rates.length === 0 ? null : sum(rates.map((rate) => (rate / cpus) * 100))
    return { cpu, memory }
  }
}

function sum(percents: readonly number[]): Usage {
  return { percent: percents.reduce((a, b) => a + b, 0), instances: percents.length }
}

function meanInFlight(samples: readonly Sample[]): number | null {
  const known = samples.flatMap(({ inFlight }) => inFlight ?? [])
  return known.length === 0 ? null : known.reduce((a, b) => a + b, 0) / known.length
}

function rateOf(samples: readonly Sample[]): number | null {
  const known = samples.flatMap(({ at, requests }) => (requests === null ? [] : [{ at, requests }]))
  const first = known[0]
  const last = known.at(-1)
  if (first === undefined || last === undefined || last.at <= first.at) return null
  return ((last.requests - first.requests) / (last.at - first.at)) * 1000
}
