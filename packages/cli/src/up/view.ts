import { stripVTControlCharacters } from 'node:util'
import type { AppStatus, EventKind, PandoEvent } from '@pando/model'
import type { Context } from '../context.js'
import type { Paint } from '../paint.js'
import { EventRenderer, type EventRendererOptions } from '../render/event-line.js'
import { firstLine } from '../render/service-table.js'
import { renderSummary } from '../render/app-status.js'
import { cut } from '../render/table.js'

/** Where `pando up` shows what goes on. */
export interface View {
  event(event: PandoEvent): void
  status(status: AppStatus): void
  /** For the first time all is ready, or what is not has failed. */
  settled(status: AppStatus): void
  note(text: string): void
  /** No more is shown live; the terminal is as it was. */
  close(): void
}

const maxBuildLines = 20
const widestLine = 200

/** Steps on the way to something that is told as well: `pando events` shows them. */
const steps: ReadonlySet<EventKind> = new Set([
  'app.applied',
  'gateway.started',
  'instance.started',
  'instance.draining',
  'instance.stopping',
  'endpoint.registered',
  'endpoint.deregistered',
  'endpoint.expired',
])

/** What a reader of `up` wants to see: what became of things, not each step, and of a build's output a part. */
export class EventSieve {
  readonly #paint: Paint
  readonly #renderer: EventRenderer
  readonly #buildLines = new Map<string, number>()
  /** By service, why its build failed last. */
  readonly #buildFailures = new Map<string, string>()

  constructor(options: EventRendererOptions) {
    this.#paint = options.paint
    this.#renderer = new EventRenderer(options)
  }

  /** Null: not shown. */
  render(event: PandoEvent): string | null {
    if (event.kind === 'app.applied') {
      this.#buildLines.clear()
      this.#buildFailures.clear()
    }
    if (steps.has(event.kind)) return null
    const service = event.service ?? ''
    // A build that failed is tried again and again: what it says then has been shown.
    if (event.kind === 'build.succeeded') this.#buildLines.delete(service)
    if (event.kind === 'build.failed') {
      const isKnown = this.#buildFailures.get(service) === event.message
      this.#buildFailures.set(service, event.message)
      return this.#renderer.render(isKnown ? { ...event, message: firstLine(event.message) } : event)
    }
    if (event.kind !== 'build.output') return this.#renderer.render(event)
    const output = stripVTControlCharacters(event.message)
    if (output.trim() === '') return null
    const count = (this.#buildLines.get(service) ?? 0) + 1
    this.#buildLines.set(service, count)
    if (count > maxBuildLines + 1) return null
    const text = count > maxBuildLines ? '… (pando events shows the rest)' : cut(output, widestLine)
    return `${this.#paint.name(service)} ${this.#paint.dim(`| ${text}`)}`
  }
}

/** How a view speaks. */
export interface ViewOptions {
  /** How the reader calls `pando` for this app. */
  readonly command: string
  /** Names of the app's services. */
  readonly services: readonly string[]
}

/** Line after line: for pipes, files and CI. */
export class LineView implements View {
  readonly #context: Context
  readonly #command: string
  readonly #sieve: EventSieve

  constructor(context: Context, { command, services }: ViewOptions) {
    this.#context = context
    this.#command = command
    this.#sieve = new EventSieve({ paint: context.paint, services })
  }

  event(event: PandoEvent): void {
    const line = this.#sieve.render(event)
    if (line !== null) this.note(line)
  }

  status(): void {}

  settled(status: AppStatus): void {
    this.note(
      `\n${renderSummary(status, { paint: this.#context.paint, command: this.#command, now: this.#context.now() })}\n`,
    )
  }

  note(text: string): void {
    this.#context.stdout.write(`${text}\n`)
  }

  close(): void {}
}

/** Says nothing of the way: for `--json`, whose answer is one document. Notes still reach stderr. */
export class QuietView implements View {
  readonly #context: Context

  constructor(context: Context) {
    this.#context = context
  }

  event(): void {}
  status(): void {}
  settled(): void {}

  note(text: string): void {
    this.#context.stderr.write(`${text}\n`)
  }

  close(): void {}
}
