import type { RemoteKeys } from '@pando/model'
import { KeySet } from './key-set.js'
import type { KeySource } from './key-source.js'

export interface RemoteKeysOptions {
  readonly spec: RemoteKeys
  /** Gets the key set's bytes, with a bound of its own in time and size; rejects with a sentence. */
  readonly fetch: () => Promise<Buffer>
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number
  /** Told of each trouble once. */
  readonly onTrouble: (message: string) => void
}

const firstRetryMs = 500

/**
 * Keys that are somewhere else. Nothing is asked without a request that needs it, but for the first time.
 *
 * - Older than `maxAgeMs`: the next request makes them be asked for, and is judged by those that are here.
 * - A token names an unknown key: they are asked for at most once in `cooldownMs`, however many such tokens come.
 * - The source is away: what is here is used until it is `maxStaleMs` old; from then on nobody can be judged. It is asked again after
 *   pauses that double, up to `cooldownMs`.
 * - Never two requests to the source at the same time.
 */
export class RemoteKeySource implements KeySource {
  trouble: string | null = null
  readonly #options: RemoteKeysOptions
  #keys: KeySet | null = null
  #bytes: Buffer | null = null
  #fetchedAt = 0
  /** After a failure. */
  #notBefore = 0
  /** After an unknown key. */
  #cooledAt = 0
  #failures = 0
  #flight: Promise<void> | null = null
  #isClosed = false

  constructor(options: RemoteKeysOptions) {
    this.#options = options
    void this.#start()
  }

  current(): KeySet | null {
    const { spec, now } = this.#options
    const age = now() - this.#fetchedAt
    if (this.#keys !== null && age >= spec.maxStaleMs) {
      this.#keys = null
      this.#bytes = null
    }
    if ((this.#keys === null || age >= spec.maxAgeMs) && this.#mayAsk()) void this.#start()
    return this.#keys
  }

  refresh(): Promise<void> | null {
    if (this.#flight !== null) return this.#flight
    if (!this.#mayAsk()) return null
    if (this.#keys !== null) {
      const { spec, now } = this.#options
      if (now() < this.#cooledAt) return null
      this.#cooledAt = now() + spec.cooldownMs
    }
    return this.#start()
  }

  get warning(): string | null {
    return this.trouble
  }

  close(): void {
    this.#isClosed = true
  }

  #mayAsk(): boolean {
    return this.#flight === null && !this.#isClosed && this.#options.now() >= this.#notBefore
  }

  #start(): Promise<void> {
    this.#flight = this.#ask().finally(() => {
      this.#flight = null
    })
    return this.#flight
  }

  /** Never rejects. */
  async #ask(): Promise<void> {
    const { spec, fetch, now } = this.#options
    try {
      const bytes = await fetch()
      if (this.#bytes === null || !bytes.equals(this.#bytes)) this.#take(bytes)
      this.#fetchedAt = now()
      this.#failures = 0
      this.trouble = null
    } catch (error) {
      this.#notBefore = now() + Math.min(spec.cooldownMs, firstRetryMs * 2 ** this.#failures)
      this.#failures = Math.min(this.#failures + 1, 20)
      this.#note((error as Error).message)
    }
  }

  /** The same keys stay the same object, so that what was verified by them is remembered. */
  #take(bytes: Buffer): void {
    const keys = KeySet.ofJson(bytes)
    if (keys === null) throw new Error('what came is no JSON Web Key Set')
    // An issuer that publishes none has made a mistake; who trusted it yesterday goes on for as long as if it were away.
    if (keys.size === 0) throw new Error(['there is no key of use in the key set', ...keys.problems].join('; '))
    for (const problem of keys.problems) this.#options.onTrouble(`a key is left out: ${problem}`)
    this.#keys = keys
    this.#bytes = bytes
  }

  #note(trouble: string): void {
    if (trouble !== this.trouble) this.#options.onTrouble(trouble)
    this.trouble = trouble
  }
}
