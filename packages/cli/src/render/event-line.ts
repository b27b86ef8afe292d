import { stripVTControlCharacters } from 'node:util'
import { eventKinds, type EventKind, type PandoEvent } from '@pando/model'
import type { Paint } from '../paint.js'
import { renderTime } from './duration.js'

export interface EventRendererOptions {
  readonly paint: Paint
  /** Services whose instances are to come: their names decide how wide the column of names is from the first line on. */
  readonly services?: readonly string[]
}

/** What an instance's id has behind its service's name: `-0-b2klvq`. */
const instanceSuffix = '-0-b2klvq'.length
const widestColumn = 32

/** Good news, by which a reader sees that it goes forward. Other kinds are marked by their level. */
const good: ReadonlySet<EventKind> = new Set(['build.succeeded', 'instance.healthy', 'gateway.ready'])

/** Renders events beside each other: time, a mark, who (in its service's colour), what. The names' column grows as longer ones come. */
export class EventRenderer {
  readonly #paint: Paint
  #width: number

  constructor({ paint, services = [] }: EventRendererOptions) {
    this.#paint = paint
    const widest = Math.max('gateway'.length, ...services.map((name) => name.length + instanceSuffix))
    this.#width = Math.min(widest, widestColumn)
  }

  /** One line; the further lines of a message that has several, such as a build's output, stand below it. */
  render(event: PandoEvent): string {
    const paint = this.#paint
    // A build's output brings colours and cursor movements of its own.
    const [first = '', ...lines] = stripVTControlCharacters(event.message).split('\n')
    const rest = lines.filter((line) => line.trim() !== '')
    const who = event.instance ?? event.service ?? (event.kind.startsWith('gateway.') ? 'gateway' : 'pando')
    this.#width = Math.min(Math.max(this.#width, who.length), widestColumn)
    const name = paint.name(who.padEnd(this.#width), event.service ?? who)
    // Most messages begin with the name: it is not said twice.
    const sentence = (first.startsWith(`${who} `) ? first.slice(who.length + 1) : first).replace(`service ${who}: `, '')
    const [mark, color] = this.#toneOf(event.kind)
    const head = `${paint.dim(renderTime(event.at))} ${color(mark)} ${name} ${color(sentence)}`
    return [head, ...rest.map((line) => `${' '.repeat(4)}${paint.dim(line)}`)].join('\n')
  }

  #toneOf(kind: EventKind): readonly [mark: string, color: (text: string) => string] {
    const paint = this.#paint
    const level = eventKinds[kind]
    if (level === 'error') return ['✗', paint.red]
    if (level === 'warn') return ['!', paint.yellow]
    return good.has(kind) ? ['✓', paint.green] : ['·', String]
  }
}
