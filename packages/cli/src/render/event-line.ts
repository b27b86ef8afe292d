import { eventKinds, type PandoEvent } from '@pando/model'
import type { Paint } from '../paint.js'
import { renderTime } from './duration.js'

const widestKind = 'instance.unhealthy'.length

/** One line; the further lines of a message that has several, such as a build's output, stand below it. */
export function renderEvent(event: PandoEvent, paint: Paint): string {
  const who = event.instance ?? event.service ?? 'pando'
  const name = paint.name(who, event.service ?? who)
  const level = eventKinds[event.kind]
  const color = level === 'error' ? paint.red : level === 'warn' ? paint.yellow : (text: string) => text
  const [first = '', ...rest] = event.message.split('\n')
  // Most messages begin with the name: it is not said twice.
  const sentence = first.startsWith(who) ? name + color(first.slice(who.length)) : `${name} ${color(first)}`
  const head = `${paint.dim(`${renderTime(event.at)} ${event.kind.padEnd(widestKind)}`)} ${sentence}`
  return [head, ...rest.map((line) => `${' '.repeat(4)}${paint.dim(line)}`)].join('\n')
}
