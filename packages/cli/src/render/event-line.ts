import { eventKinds, type PandoEvent } from '@pando/model'
import type { Paint } from '../paint.js'
import { renderTime } from './duration.js'

export function renderEvent(event: PandoEvent, paint: Paint): string {
  const who = event.instance ?? event.service ?? 'pando'
  const level = eventKinds[event.kind]
  const message =
    level === 'error' ? paint.red(event.message) : level === 'warn' ? paint.yellow(event.message) : event.message
  return `${paint.dim(renderTime(event.at))} ${paint.name(who, event.service ?? who)} ${paint.dim(event.kind)} ${message}`
}
