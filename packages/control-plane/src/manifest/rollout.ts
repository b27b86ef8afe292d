import { defaultRollout, type CanaryStep, type InstanceCount, type RolloutSpec } from '@pando/model'
import { defaultSteps } from './defaults.js'
import type { ServiceInput } from './schema.js'
import { mistake, type ServiceContext } from './service-context.js'
import { formatDuration, isMistake, parseDuration } from './units.js'

/** How the service rolls out. Contradictions are reported. */
export function readRollout(input: ServiceInput, context: ServiceContext): RolloutSpec {
  const written = input.rollout ?? {}
  // A container's port is inside it, but for those that the engine opens.
  const isContainer =
    input.image !== undefined || (typeof input.build === 'object' && input.build.kind === 'dockerfile')
  const port = isContainer ? input.published?.[0] : input.port
  const strategy = written.strategy ?? defaultRollout.strategy
  const order = written.order ?? (port === undefined ? defaultRollout.order : 'stop-first')
  if (port !== undefined && written.order === 'start-first') {
    mistake(context, ['rollout', 'order'], 'value', 'two instances cannot share a port, so the old one must stop first')
  }
  if (strategy !== 'rolling' && order === 'stop-first') {
    const path = ['rollout', written.strategy === undefined ? 'order' : 'strategy']
    mistake(context, path, 'value', `${strategy} needs both revisions at once, which stop-first does not allow`)
  }
  if (written.steps !== undefined && strategy !== 'canary') {
    mistake(context, ['rollout', 'steps'], 'key', 'steps are for a canary', 'write "strategy: canary"')
  }
  const maxSurge = countOf(written.max_surge, defaultRollout.maxSurge)
  const maxUnavailable = countOf(written.max_unavailable, defaultRollout.maxUnavailable)
  if (isNothing(maxSurge) && isNothing(maxUnavailable)) {
    mistake(
      context,
      ['rollout', 'max_surge'],
      'value',
      'with max_surge and max_unavailable 0 nothing could ever change',
    )
  }
  const check = input.healthcheck
  const startup = typeof check === 'object' ? (check.startup ?? check.start_period) : undefined
  const ownStartupMs = startup === undefined ? 0 : millisecondsOf(startup, 0) + 10_000
  const { judge } = defaultRollout
  return {
    strategy,
    order,
    maxSurge,
    maxUnavailable,
    minHealthyMs: millisecondsOf(written.min_healthy_time, defaultRollout.minHealthyMs),
    progressDeadlineMs: millisecondsOf(
      written.progress_deadline,
      Math.max(defaultRollout.progressDeadlineMs, ownStartupMs),
    ),
    steps: strategy === 'canary' ? (written.steps?.map(stepOf) ?? defaultSteps) : [],
    judge: {
      minRequests: Number(written.min_requests ?? judge.minRequests),
      maxErrorIncrease: Number(written.max_error_increase ?? judge.maxErrorIncrease),
      maxP99Ratio: Number(written.max_p99_ratio ?? judge.maxP99Ratio),
    },
    autoPromote: String(written.auto_promote ?? defaultRollout.autoPromote) === 'true',
  }
}

/** As it would be written. */
export function renderRollout(rollout: RolloutSpec): object {
  return {
    strategy: rollout.strategy,
    order: rollout.order,
    max_surge: renderCount(rollout.maxSurge),
    max_unavailable: renderCount(rollout.maxUnavailable),
    min_healthy_time: formatDuration(rollout.minHealthyMs),
    progress_deadline: formatDuration(rollout.progressDeadlineMs),
    ...(rollout.strategy === 'canary'
      ? {
          steps: rollout.steps.map(({ weight, pauseMs }) => ({
            weight,
            ...(pauseMs === null ? {} : { pause: formatDuration(pauseMs) }),
          })),
        }
      : {}),
    min_requests: rollout.judge.minRequests,
    max_error_increase: rollout.judge.maxErrorIncrease,
    max_p99_ratio: rollout.judge.maxP99Ratio,
    auto_promote: rollout.autoPromote,
  }
}

function stepOf({ weight, pause }: { weight: string | number; pause?: string | number | undefined }): CanaryStep {
  return { weight: Number(weight), pauseMs: pause === undefined ? null : millisecondsOf(pause, 0) }
}

export function countOf(written: string | number | undefined, fallback: InstanceCount): InstanceCount {
  if (written === undefined) return fallback
  const text = String(written)
  return text.endsWith('%') ? { percent: Number(text.slice(0, -1)) } : { count: Number(text) }
}

export function renderCount(count: InstanceCount): string | number {
  return 'percent' in count ? `${count.percent}%` : count.count
}

function isNothing(count: InstanceCount): boolean {
  return ('percent' in count ? count.percent : count.count) === 0
}

function millisecondsOf(text: string | number | undefined, fallback: number): number {
  const ms = text === undefined ? fallback : parseDuration(text)
  return isMistake(ms) ? fallback : ms
}
