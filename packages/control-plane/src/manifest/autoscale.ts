import { defaultAutoscale, type AutoscaleSpec, type Protocol, type ScalePace } from '@pando/model'
import { countOf, renderCount } from './rollout.js'
import type { ServiceInput } from './schema.js'
import { mistake, type ServiceContext } from './service-context.js'
import { formatDuration, isMistake, parseDuration } from './units.js'

type Written = NonNullable<ServiceInput['autoscale']>

/** How the service's replicas follow its load; null when they do not. Contradictions are reported. */
export function readAutoscale(
  input: ServiceInput,
  { protocol, isContainer }: { readonly protocol: Protocol; readonly isContainer: boolean },
  context: ServiceContext,
): AutoscaleSpec | null {
  const written = input.autoscale
  if (written === undefined) return null
  const min = Number(written.min ?? defaultAutoscale.min)
  const max = Number(written.max)
  checkBounds(input, written, { min, max, isContainer }, context)
  checkTargets(input, written, { min, protocol }, context)
  return {
    min,
    max,
    concurrency: numberOf(written.concurrency),
    rps: numberOf(written.rps),
    cpuPercent: percentOf(written.cpu),
    memoryPercent: percentOf(written.memory),
    up: paceOf(written.scale_up, defaultAutoscale.up),
    down: paceOf(written.scale_down, defaultAutoscale.down),
    idleMs: millisecondsOf(written.idle, defaultAutoscale.idleMs),
    holdMs: millisecondsOf(written.hold, defaultAutoscale.holdMs),
  }
}

/** As it would be written. */
export function renderAutoscale(spec: AutoscaleSpec): object {
  return {
    min: spec.min,
    max: spec.max,
    ...(spec.concurrency === null ? {} : { concurrency: spec.concurrency }),
    ...(spec.rps === null ? {} : { rps: spec.rps }),
    ...(spec.cpuPercent === null ? {} : { cpu: `${spec.cpuPercent}%` }),
    ...(spec.memoryPercent === null ? {} : { memory: `${spec.memoryPercent}%` }),
    scale_up: renderPace(spec.up),
    scale_down: renderPace(spec.down),
    ...(spec.min > 0 ? {} : { idle: formatDuration(spec.idleMs), hold: formatDuration(spec.holdMs) }),
  }
}

function checkBounds(
  { replicas, port }: ServiceInput,
  written: Written,
  { min, max, isContainer }: { readonly min: number; readonly max: number; readonly isContainer: boolean },
  context: ServiceContext,
): void {
  if (min > max) {
    mistake(context, ['autoscale', 'min'], 'value', `min ${min} is above max ${max}`)
    return
  }
  if (replicas !== undefined && (Number(replicas) < min || Number(replicas) > max)) {
    const message = `it cannot begin with ${replicas} replicas, as autoscale keeps it from ${min} to ${max}`
    mistake(context, ['replicas'], 'value', message, 'leave out "replicas"')
  }
  if (port !== undefined && max > 1 && !isContainer) {
    const message = `${max} instances cannot all listen on port ${port}`
    mistake(context, ['autoscale', 'max'], 'value', message, 'leave out "port" and let it listen on $PORT')
  }
  if (min > 0) {
    for (const key of ['idle', 'hold'] as const) {
      if (written[key] === undefined) continue
      mistake(context, ['autoscale', key], 'key', `${key} has a meaning only where it may sleep`, 'write "min: 0"')
    }
  }
}

function checkTargets(
  input: ServiceInput,
  written: Written,
  { min, protocol }: { readonly min: number; readonly protocol: Protocol },
  context: ServiceContext,
): void {
  const { concurrency, rps, cpu, memory } = written
  const isSilent = protocol === 'none'
  if (isSilent && min === 0) {
    const message = 'a service of protocol none gets no request that could wake it'
    mistake(context, ['autoscale', 'min'], 'value', message, 'write "min: 1"')
  }
  if (isSilent && concurrency !== undefined) {
    mistake(context, ['autoscale', 'concurrency'], 'key', 'a service of protocol none gets no requests')
  }
  if (rps !== undefined && protocol !== 'http') {
    const message = `requests of protocol ${protocol} are not counted`
    mistake(context, ['autoscale', 'rps'], 'key', message, 'write "concurrency", "cpu" or "memory"')
  }
  if (cpu !== undefined && input.cpus === undefined && input.resources?.cpus === undefined) {
    const message = 'cpu is a percentage of resources.cpus, which is not set'
    mistake(context, ['autoscale', 'cpu'], 'key', message, 'write "resources: { cpus: 1 }" or another target')
  }
  if (memory !== undefined && input.mem_limit === undefined && input.resources?.memory === undefined) {
    const message = 'memory is a percentage of resources.memory, which is not set'
    mistake(context, ['autoscale', 'memory'], 'key', message, 'write "resources: { memory: 256M }" or another target')
  }
  if (concurrency !== undefined || rps !== undefined || cpu !== undefined || memory !== undefined) return
  // Asleep or with one instance needs no target: that is decided by whether there are requests.
  if (min === 0 && Number(written.max) === 1) return
  const message = 'nothing says when it needs more instances'
  mistake(context, ['autoscale'], 'key', message, 'write one of concurrency, rps, cpu, memory')
}

function paceOf(written: Written['scale_up'], fallback: ScalePace): ScalePace {
  return {
    stabilizationMs: millisecondsOf(written?.stabilization, fallback.stabilizationMs),
    step: countOf(written?.step, fallback.step),
    periodMs: millisecondsOf(written?.period, fallback.periodMs),
  }
}

function renderPace({ stabilizationMs, step, periodMs }: ScalePace): object {
  return {
    stabilization: formatDuration(stabilizationMs),
    step: renderCount(step),
    period: formatDuration(periodMs),
  }
}

function numberOf(written: string | number | undefined): number | null {
  return written === undefined ? null : Number(written)
}

function percentOf(written: string | number | undefined): number | null {
  return written === undefined ? null : Number(String(written).slice(0, -1))
}

function millisecondsOf(text: string | number | undefined, fallback: number): number {
  const ms = text === undefined ? fallback : parseDuration(text)
  return isMistake(ms) ? fallback : ms
}
