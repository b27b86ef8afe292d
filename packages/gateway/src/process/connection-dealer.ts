import type { ToWorker } from './messages.js'

/** A worker that connections may go to. */
export interface DealtWorker {
  /** As it said last, and those that it was given since. */
  connections: number
  readonly worker: { send(message: ToWorker, handle?: unknown, isGiven?: boolean): void }
}

/** An accepted connection that nothing has been read from. */
export interface DealtConnection {
  close(): void
}

const sharePeriodMs = 200

/** Deals out the connections that workers have too many of, and tells all of them what the share of each is. */
export class ConnectionDealer<Worker extends DealtWorker> {
  readonly #serving: () => readonly Worker[]
  #timer: NodeJS.Timeout | null = null

  /** `serving`: the workers that accept, as of now. */
  constructor(serving: () => readonly Worker[]) {
    this.#serving = serving
  }

  /** A connection that `from` does not keep goes to whoever has the fewest; nothing is left to do for it when nobody else serves. */
  deal(from: Worker, listener: string, client: DealtConnection | undefined): void {
    // It ended on its way here.
    if (client === undefined) return
    let fewest: Worker | null = null
    for (const worker of this.#serving()) {
      if (worker !== from && (fewest === null || worker.connections < fewest.connections)) fewest = worker
    }
    // The one other worker may have died meanwhile: then the one that has too many serves it after all.
    fewest ??= this.#serving()[0] ?? null
    if (fewest === null) {
      client.close()
      return
    }
    fewest.connections++
    fewest.worker.send({ type: 'connection', listener }, client, true)
  }

  /** Counts have changed: all are told, at most a few times a second. */
  tellSoon(): void {
    this.#timer ??= setTimeout(() => this.tell(), sharePeriodMs)
  }

  /** There are other workers now: until it is told of them, one that is new keeps every connection. */
  tell(): void {
    this.stop()
    const serving = this.#serving()
    const mean = serving.reduce((sum, { connections }) => sum + connections, 0) / Math.max(1, serving.length)
    for (const { worker } of serving) worker.send({ type: 'share', workers: serving.length, mean })
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}
