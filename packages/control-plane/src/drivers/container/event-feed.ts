import type { IncomingMessage } from 'node:http'
import type { Clock } from '../../clock.js'
import type { EngineClient } from './engine-client.js'
import { appLabel, instanceLabel } from './labels.js'

const againAfterMs = 500
const longestAgainMs = 10_000
const maxLineBytes = 1_048_576

/**
 * The engine's word that a container of ours has ended. It may be away for a while: what happened meanwhile is not told, so whoever
 * listens is called with null when it is back, and looks for itself.
 */
export class EventFeed {
  readonly #options: EventFeedOptions
  readonly #abort = new AbortController()
  #cancelPause: (() => void) | null = null

  constructor(options: EventFeedOptions) {
    this.#options = options
    void this.#run()
  }

  close(): void {
    this.#abort.abort()
    this.#cancelPause?.()
  }

  async #run(): Promise<void> {
    const { engine, key, onEnded, clock } = this.#options
    const { signal } = this.#abort
    const filters = { label: [`${appLabel}=${key}`], type: ['container'], event: ['die', 'destroy'] }
    let pauseMs = againAfterMs
    while (!signal.aborted) {
      try {
        const stream = await engine.stream('GET', '/events', { query: { filters: JSON.stringify(filters) }, signal })
        pauseMs = againAfterMs
        onEnded(null)
        for await (const id of instancesIn(stream)) if (!signal.aborted) onEnded(id)
      } catch {
        // Away, or broken off.
      }
      if (signal.aborted) return
      await new Promise<void>((resolve) => {
        const cancel = clock.after(pauseMs, resolve)
        this.#cancelPause = () => {
          cancel()
          resolve()
        }
      })
      pauseMs = Math.min(pauseMs * 2, longestAgainMs)
    }
  }
}

export interface EventFeedOptions {
  readonly engine: EngineClient
  readonly key: string
  readonly clock: Clock
  /** With an instance's id, or null: any may have ended. */
  readonly onEnded: (id: string | null) => void
}

async function* instancesIn(stream: IncomingMessage): AsyncGenerator<string> {
  let rest = ''
  stream.setEncoding('utf8')
  for await (const text of stream as AsyncIterable<string>) {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > maxLineBytes) throw new RangeError('a line of events without an end')
    for (const line of lines) {
      const id = instanceIn(line)
      if (id !== null) yield id
    }
  }
}

function instanceIn(line: string): string | null {
  try {
    const { Actor } = JSON.parse(line) as { Actor?: { Attributes?: Record<string, string> } }
    return Actor?.Attributes?.[instanceLabel] ?? null
  } catch {
    return null
  }
}
