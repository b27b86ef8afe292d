import { stripVTControlCharacters } from 'node:util'
import { eventKinds, type Moment, type RequestExplanation, type ServiceExplanation } from '@pando/model'
import type { Paint } from '../paint.js'
import { renderDuration, renderTime } from './duration.js'

export interface View {
  readonly paint: Paint
  /** Unix time, ms. */
  readonly now: number
}

/** The verdict first, then what to do, then what happened, newest last. */
export function renderServiceWhy({ verdict, since, next, timeline }: ServiceExplanation, view: View): string {
  const when = since === null ? '' : ` Since ${renderTime(since)} (${renderDuration(view.now - since)}).`
  return render(`${verdict}${when}`, next, timeline, view)
}

export function renderRequestWhy(explanation: RequestExplanation, view: View): string {
  const { request, revision, verdict, next, timeline } = explanation
  const { at, method, host, path, status, grpcStatus, durationMs, route, service, endpoint, reason, retries } = request
  const facts = [
    ['route', route],
    ['service', service],
    ['instance', revision === null ? endpoint : `${endpoint} (revision ${revision})`],
    ['attempts', endpoint === '' ? '' : String(retries + 1)],
    ['reason', reason],
  ].flatMap(([name = '', value = '']) => (value === '' ? [] : [`  ${view.paint.dim(name.padEnd(9))} ${value}`]))
  const took = `${Math.round(durationMs)} ms`
  const answer = grpcStatus || (status === 0 ? 'no answer' : status)
  const head = `${method} ${host}${path} → ${answer} in ${took}, over at ${renderTime(at)}`
  return [view.paint.bold(clean(head)), ...facts, '', render(verdict, next, timeline, view)].join('\n')
}

function render(verdict: string, next: string, timeline: readonly Moment[], view: View): string {
  const { paint } = view
  const parts = [clean(verdict)]
  if (next !== '') parts.push(`${paint.cyan('next:')} ${next}`)
  if (timeline.length > 0) parts.push('', ...timeline.flatMap((moment) => momentLines(moment, view)))
  return parts.join('\n')
}

function momentLines({ at, kind, text, lines }: Moment, { paint, now }: View): string[] {
  const level = kind === 'deployment' ? 'info' : eventKinds[kind]
  const color = level === 'error' ? paint.red : level === 'warn' ? paint.yellow : String
  const ago = `${renderDuration(now - at)} ago`
  const [first = '', ...rest] = clean(text).split('\n')
  const head = `${paint.dim(`${renderTime(at)}  ${ago.padStart(12)}`)}  ${color(first)}`
  return [head, ...[...rest, ...lines].map((line) => `${' '.repeat(24)}${paint.dim(`│ ${clean(line)}`)}`)]
}

/** What programs wrote may move the cursor. */
function clean(text: string): string {
  return stripVTControlCharacters(text)
}
