import type { EventKind, PandoEvent } from '@pando/model'
import type { Clock } from '../clock.js'
import type { Store } from '../store/store.js'

export interface NewEvent {
  readonly kind: EventKind
  readonly service?: string | null
  readonly instance?: string | null
  /** One sentence; cut at 2,000 characters. */
  readonly message: string
}

export interface FollowQuery {
  /** Begin behind this number; null: only what comes from now on. */
  readonly after: number | null
  readonly service?: string
}

const maxMessage = 2_000
const pageSize = 256

/**
 * The event log: written once, read by anyone at their own pace.
 *
 * A follower holds a number and nothing else: whatever it has not taken yet lies in the store, where it reads on by number. So there is no
 * queue to grow, no gap and no duplicate between replay and live. One that falls further behind than the store keeps (10,000
 * events) goes on with the oldest kept; the jump shows in `seq`.
 */
export class Events {
  readonly #store: Store
  readonly #clock: Clock
  readonly #onFault: (what: string, error: unknown) => void
  readonly #listeners = new Set<(event: PandoEvent) => void>()

  /** `onFault` is told of events that could not be written. */
  constructor(options: {
    readonly store: Store
    readonly clock: Clock
    readonly onFault?: (what: string, error: unknown) => void
  }) {
    this.#store = options.store
    this.#clock = options.clock
    this.#onFault = options.onFault ?? (() => undefined)
  }

  /**
   * Durable when it returns; then every listener is told, in order of number. Never throws: an event that cannot be written (the disk is
   * full) must not keep from being done what it tells of. Null then.
   */
  emit(event: NewEvent): PandoEvent | null {
    const appended = this.#append(event)
    if (appended === null) return null
    for (const listener of this.#listeners) {
      try {
        listener(appended)
      } catch {
        // An onlooker's fault is its own: what has happened has happened, and the others shall hear of it.
      }
    }
    return appended
  }

  #append(event: NewEvent): PandoEvent | null {
    const { kind, service = null, instance = null, message } = event
    const cut = message.length > maxMessage ? `${message.slice(0, maxMessage - 1)}…` : message
    try {
      return this.#store.appendEvent({ at: this.#clock.now(), kind, service, instance, message: cut })
    } catch (error) {
      this.#onFault(`could not write the event "${cut}"`, error)
      return null
    }
  }

  /** Calls back, at once and in order, with every event from now on. Returns the way to end it. */
  subscribe(listener: (event: PandoEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** At most `limit` events behind `after`, oldest first; `after: null` takes the newest. */
  list(query: { readonly after: number | null; readonly limit: number; readonly service?: string }): PandoEvent[] {
    return this.#store.events(query)
  }

  /** What is kept behind `after`, then what comes, until `signal` aborts (that ends it, without an error). */
  follow(query: FollowQuery, signal: AbortSignal): AsyncGenerator<PandoEvent, void, undefined> {
    // Where it begins is settled by the call, not by the first read.
    const after = query.after ?? this.#store.events({ after: null, limit: 1 })[0]?.seq ?? 0
    return this.#read(after, query.service, signal)
  }

  async *#read(
    after: number,
    service: string | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<PandoEvent, void, undefined> {
    let seq = after
    let wake: (() => void) | null = null
    let isBehind = true
    const notice = (event: PandoEvent): void => {
      if (service !== undefined && event.service !== service) return
      isBehind = true
      wake?.()
    }
    const stop = (): void => wake?.()
    const unsubscribe = this.subscribe(notice)
    signal.addEventListener('abort', stop, { once: true })
    try {
      while (!signal.aborted) {
        if (!isBehind) {
          await new Promise<void>((resolve) => (wake = resolve))
          continue
        }
        isBehind = false
        const page = this.#store.events({ after: seq, limit: pageSize, ...(service === undefined ? {} : { service }) })
        if (page.length === pageSize) isBehind = true
        for (const event of page) {
          seq = event.seq
          yield event
          if (signal.aborted) return
        }
      }
    } finally {
      unsubscribe()
      signal.removeEventListener('abort', stop)
    }
  }
}
