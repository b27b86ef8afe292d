import type { AppStatus, PandoEvent } from '@pando/model'
import type { Context } from '../context.js'
import { renderEvent } from '../render/event-line.js'
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

/** What a reader of `up` wants to see: no bookkeeping of the registry, and of a build's output a part. */
export class EventSieve {
  readonly #buildLines = new Map<string, number>()

  /** Null: not shown. */
  render(event: PandoEvent, context: Pick<Context, 'paint'>): string | null {
    if (event.kind.startsWith('endpoint.')) return null
    if (event.kind === 'app.applied') {
      this.#buildLines.clear()
      return null
    }
    const { paint } = context
    const service = event.service ?? ''
    // A build that failed is tried again and again: what it says then has been shown.
    if (event.kind === 'build.succeeded') this.#buildLines.delete(service)
    if (event.kind !== 'build.output') return renderEvent(event, paint)
    const count = (this.#buildLines.get(service) ?? 0) + 1
    this.#buildLines.set(service, count)
    if (count > maxBuildLines + 1 || event.message.trim() === '') return null
    const text = count > maxBuildLines ? '… (pando events shows the rest)' : cut(event.message, widestLine)
    return `${paint.name(service)} ${paint.dim(`| ${text}`)}`
  }
}

/** Line after line: for pipes, files and CI. */
export class LineView implements View {
  readonly #context: Context
  readonly #command: string
  readonly #sieve = new EventSieve()

  /** `command`: how the reader calls `pando` for this app. */
  constructor(context: Context, command: string) {
    this.#context = context
    this.#command = command
  }

  event(event: PandoEvent): void {
    const line = this.#sieve.render(event, this.#context)
    if (line !== null) this.note(line)
  }

  status(): void {}

  settled(status: AppStatus): void {
    this.note(`\n${renderSummary(status, { paint: this.#context.paint, command: this.#command })}\n`)
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
