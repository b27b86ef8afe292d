import { escapeInterpolation } from '../interpolation.js'
import type { Path } from '../source.js'
import type { Draft } from './draft.js'
import { deployKeys, healthKeys } from './keys.js'
import type { Problems } from './problems.js'
import type { Written } from './written.js'
import { formatDuration, isMistake, parseDuration } from '../units.js'

/** `deploy` and `scale`: how many, how much of the machine, and how one revision follows another. */
export function putDeploy(service: Written, base: Path, draft: Draft, problems: Problems): void {
  const deploy = service.get('deploy')
  const put = (key: Path, value: unknown, from: Written): void => draft.put([...base, ...key], value, from)
  const scale = service.get('scale') ?? deploy?.get('replicas')
  if (scale !== undefined) put(['replicas'], scale.value, scale)
  // As Compose has it: two at once share a volume, which a database does not survive.
  put(['rollout', 'order'], 'stop-first', service)
  if (deploy === undefined) return
  if (!deploy.isMap) return problems.refuse(deploy, `expected a map, got ${deploy.description}`)
  problems.checkKeys(deploy, deployKeys)

  const mode = deploy.get('mode')
  if (mode !== undefined && mode.text !== 'replicated') {
    problems.refuse(mode, `the mode "${mode.text}" is not honoured`, 'there is one machine: write "replicas"')
  }
  putResources(deploy.get('resources'), base, draft, problems)
  const restart = deploy.get('restart_policy')
  if (restart !== undefined) {
    const condition = restart.get('condition')
    const words: Readonly<Record<string, string>> = { none: 'no', 'on-failure': 'on-failure', any: 'always' }
    const word = words[condition?.text ?? 'any']
    if (word === undefined) problems.refuse(condition ?? restart, 'expected none, on-failure or any')
    else put(['restart'], word, condition ?? restart)
    for (const [key, value] of restart.entries()) {
      if (key !== 'condition' && !key.startsWith('x-')) {
        problems.note(value, `"${key}" has no effect`, 'pauses between restarts grow by themselves', 'key')
      }
    }
  }
  const update = deploy.get('update_config')
  if (update !== undefined) putUpdate(update, base, draft, problems)
}

function putResources(resources: Written | undefined, base: Path, draft: Draft, problems: Problems): void {
  for (const [key, value] of resources?.get('limits')?.entries() ?? []) {
    if (key === 'cpus' || key === 'memory') draft.put([...base, 'resources', key], value.value, value)
    else if (key === 'pids') draft.put([...base, 'pids_limit'], value.value, value)
    else if (!key.startsWith('x-')) problems.refuse(value, `"${key}" is not honoured`, undefined, 'key')
  }
  const reservations = resources?.get('reservations')
  const devices = reservations?.get('devices')
  if (devices !== undefined) {
    problems.refuse(
      devices,
      '"devices" is not honoured, and without them the program would run otherwise',
      undefined,
      'key',
    )
  } else if (reservations !== undefined) {
    problems.note(reservations, '"reservations" has no effect', 'there is one machine', 'key')
  }
}

/** https://docs.docker.com/reference/compose-file/deploy/#update_config */
function putUpdate(update: Written, base: Path, draft: Draft, problems: Problems): void {
  const rollout = [...base, 'rollout']
  const order = update.get('order')
  if (order !== undefined) draft.put([...rollout, 'order'], order.value, order)
  const parallelism = update.get('parallelism')
  if (parallelism !== undefined) {
    const atOnce = parallelism.text === '0' ? '100%' : parallelism.value
    draft.put([...rollout, order?.text === 'start-first' ? 'max_surge' : 'max_unavailable'], atOnce, parallelism)
  }
  const wait = update.get('monitor') ?? update.get('delay')
  if (wait !== undefined) draft.put([...rollout, 'min_healthy_time'], durationText(wait), wait)
  for (const [key, value] of update.entries()) {
    if (key === 'failure_action' && value.text !== 'rollback') {
      problems.note(value, `"${value.text}" has no effect: what fails to roll out goes back to what was there`)
    } else if (key === 'max_failure_ratio' && Number(value.text) !== 0) {
      problems.note(value, '"max_failure_ratio" has no effect: one failure is enough', undefined, 'key')
    } else if (!['order', 'parallelism', 'monitor', 'delay', 'failure_action', 'max_failure_ratio'].includes(key)) {
      if (!key.startsWith('x-')) problems.refuse(value, `unknown key "${key}"`, undefined, 'key')
    }
  }
}

/** Compose's times; ours between two checks are shorter, since nothing is sent before the first one. */
const composeCheck = { interval: '30s', timeout: '30s', retries: 3 }

/** Without one nothing is asked, as in Compose: a service is well while it runs. */
export function putHealthCheck(service: Written, base: Path, draft: Draft, problems: Problems): void {
  const check = service.get('healthcheck')
  const at = [...base, 'healthcheck']
  const test = check?.get('test')
  if (check !== undefined && !check.isMap) return problems.refuse(check, `expected a map, got ${check.description}`)
  if (check !== undefined) problems.checkKeys(check, healthKeys)
  if (check === undefined || test === undefined || problems.isTrue(check.get('disable'))) {
    if (check !== undefined && test === undefined && check.get('disable') === undefined) {
      problems.note(check, 'nothing is asked without "test"', "an image's own health check is not asked")
    }
    return draft.put(at, { disable: true }, check ?? service)
  }
  const interval = check.get('interval')
  const timeout = check.get('timeout')
  const retries = check.get('retries')
  draft.put([...at, 'test'], escaped(test), test)
  draft.put(
    [...at, 'interval'],
    interval === undefined ? composeCheck.interval : durationText(interval),
    interval ?? check,
  )
  draft.put([...at, 'timeout'], timeout === undefined ? composeCheck.timeout : durationText(timeout), timeout ?? check)
  const fall = retries === undefined || retries.text === '0' ? composeCheck.retries : retries.value
  draft.put([...at, 'fall'], fall, retries ?? check)
  // Only after so many failures does Compose call it unhealthy, and nobody starts what depends on it.
  const ms = (written: Written | undefined, fallback: string): number => {
    const parsed = parseDuration(written === undefined ? fallback : durationText(written))
    return isMistake(parsed) ? 0 : parsed
  }
  const start = check.get('start_period')
  const perTry = ms(interval, composeCheck.interval)
  const startup = ms(start, '0') + perTry * (Number(fall) || composeCheck.retries) + ms(timeout, composeCheck.timeout)
  draft.put([...at, 'startup'], formatDuration(startup), start ?? check)
}

/** Zero may be written with a unit, and without one in Compose alone. */
function durationText(written: Written): string {
  return /^0[a-z]*$/.test(written.text) ? '0' : written.text
}

/** What is left of variables belongs to the shell inside. */
export function escaped(written: Written): unknown {
  if (!written.isList) return escapeInterpolation(written.text, 'command')
  return written.items().map((item) => escapeInterpolation(item.text, 'command'))
}
