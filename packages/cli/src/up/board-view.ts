import { stripVTControlCharacters } from 'node:util'
import { createLogUpdate } from 'log-update'
import type { AppStatus, PandoEvent } from '@pando/model'
import type { Context } from '../context.js'
import { renderGateway, renderHeadline, renderSummary } from '../render/app-status.js'
import { renderReasons, renderServices } from '../render/service-table.js'
import { cut } from '../render/table.js'
import { EventSieve, type View, type ViewOptions } from './view.js'

const redrawMs = 100

/** A live board at the bottom of the terminal; what happened scrolls by above it. */
export class BoardView implements View {
  readonly #context: Context
  readonly #command: string
  readonly #sieve: EventSieve
  readonly #draw: ReturnType<typeof createLogUpdate>
  /** The last line of output of what is being built, by service. */
  readonly #building = new Map<string, string>()
  #status: AppStatus | null = null
  #hasSettled = false
  #redraw: NodeJS.Timeout | null = null

  constructor(context: Context, { command, services }: ViewOptions, stream: NodeJS.WriteStream) {
    this.#context = context
    this.#command = command
    this.#sieve = new EventSieve({ paint: context.paint, services })
    this.#draw = createLogUpdate(stream)
  }

  event(event: PandoEvent): void {
    const service = event.service ?? ''
    if (event.kind === 'build.output') this.#building.set(service, stripVTControlCharacters(event.message))
    else {
      if (event.kind.startsWith('build.')) this.#building.delete(service)
      // That it is being built, the board shows.
      const line = event.kind === 'build.started' ? null : this.#sieve.render(event)
      if (line !== null) this.#draw.persist(line)
    }
    this.#redrawSoon()
  }

  status(status: AppStatus): void {
    this.#status = status
    this.#redrawSoon()
  }

  settled(status: AppStatus): void {
    this.#hasSettled = true
    this.status(status)
  }

  note(text: string): void {
    this.#draw.persist(text)
    this.#redrawSoon()
  }

  close(): void {
    if (this.#redraw !== null) clearTimeout(this.#redraw)
    this.#redraw = null
    this.#draw.clear()
    this.#draw.done()
  }

  /** Events come in bursts; a terminal need not show each of them. */
  #redrawSoon(): void {
    this.#redraw ??= setTimeout(() => {
      this.#redraw = null
      if (this.#status !== null) this.#draw(`\n${this.#board(this.#status)}`)
    }, redrawMs)
  }

  #board(status: AppStatus): string {
    const { paint, stdout } = this.#context
    const columns = stdout.columns ?? 80
    const now = this.#context.now()
    const options = { paint, columns, rows: stdout.rows ?? 24, command: this.#command, now }
    if (status.state === 'stopping') {
      const left = status.services
        .flatMap(({ instances }) => instances)
        .filter(({ phase }) => phase !== 'exited').length
      return paint.dim(
        `stopping, ${left} ${left === 1 ? 'instance' : 'instances'} left; Ctrl-C again stops without grace`,
      )
    }
    if (this.#hasSettled) {
      return `${renderSummary(status, options)}\n\n${paint.dim('Ctrl-C stops everything.')}`
    }
    const building = [...this.#building].map(([service, line]) =>
      cut(`${paint.name(service)} ${paint.dim(`| ${line.trim()}`)}`, columns),
    )
    return [
      renderHeadline(status, now, paint),
      status.gateway.errors.length > 0 ? renderGateway(status, paint) : '',
      renderServices(status.services.slice(0, Math.max(3, options.rows - 10)), options),
      // That it is being built is said above, and how far it is below.
      renderReasons(
        status.services.filter(({ state }) => state !== 'building'),
        paint,
      ),
      ...building,
    ]
      .filter((part) => part !== '')
      .join('\n')
  }
}
