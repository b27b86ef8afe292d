import { type ApiKeyInfo, type ApiKeySpec, type MadeApiKey, type NewApiKey, PandoError } from '@pando/model'
import type { KeyControl } from '../api/key-control.js'
import type { Clock } from '../clock.js'
import type { NewEvent } from '../events/events.js'
import type { Store } from '../store/store.js'
import { Table } from '../store/table.js'
import { beginningOf, hashOf, writeKey } from './key-text.js'
import { readKeyUses, usedSince } from './key-uses.js'

export interface ApiKeysOptions {
  readonly store: Store
  readonly clock: Clock
  /** So many bytes that nobody can foresee. */
  readonly random: (bytes: number) => Uint8Array
  readonly emit: (event: NewEvent) => void
  /** The keys that let in are others now. */
  readonly onChange: () => void
  /** The gateway's figures, in the Prometheus text format; rejects when there are none. */
  readonly figures: () => Promise<string>
}

const mostKeys = 1_000
/** To this it is known when a key was used last. */
const lookEveryMs = 60_000

/** The app's API keys, durable; they outlive `pando down`. The keys themselves are nowhere: only their hashes are. */
export class ApiKeys implements KeyControl {
  readonly #options: ApiKeysOptions
  readonly #table: Table<'api_key'>
  #uses: ReadonlyMap<string, number> | null = null
  #stop: () => void = () => {}

  constructor(options: ApiKeysOptions) {
    this.#options = options
    this.#table = new Table(options.store, 'api_key')
  }

  /** Those that let in, as gateways know them. */
  specs(): readonly ApiKeySpec[] {
    const now = this.#options.clock.now()
    return [...this.#table.values.values()]
      .filter(({ expiresAt }) => expiresAt === null || expiresAt > now)
      .map(({ id, name, hash, scopes, services, expiresAt }) => ({ id, name, hash, scopes, services, expiresAt }))
  }

  /** Looks for uses from now on. */
  start(): void {
    this.#stop = this.#options.clock.after(lookEveryMs, () => {
      void this.#look().then(() => this.start())
    })
  }

  close(): void {
    this.#stop()
    this.#stop = () => {}
  }

  async list(): Promise<readonly ApiKeyInfo[]> {
    await this.#look()
    return [...this.#table.values.values()].map(({ hash: _hash, ...info }) => info)
  }

  async create({ name, scopes, services, expiresInMs }: NewApiKey): Promise<MadeApiKey> {
    const { clock, random, emit, onChange } = this.#options
    if (this.#table.get(name) !== undefined) {
      throw new PandoError('conflict', `there is a key ${name} already`, {
        hint: `take another name, or revoke that one first: pando key revoke ${name}`,
      })
    }
    if (this.#table.values.size >= mostKeys) {
      throw new PandoError('limit_reached', `there are ${mostKeys} keys, the most there may be`, {
        hint: 'revoke those that nobody uses: pando key list',
      })
    }
    const key = writeKey(random(32))
    const now = clock.now()
    const info: ApiKeyInfo = {
      name,
      id: Buffer.from(random(8)).toString('hex'),
      prefix: beginningOf(key),
      scopes,
      services,
      createdAt: now,
      expiresAt: expiresInMs === null ? null : now + expiresInMs,
      lastUsedAt: null,
    }
    this.#table.put(name, { ...info, hash: hashOf(key) })
    emit({ kind: 'key.created', message: `the key ${name} (${info.prefix}…) was made` })
    onChange()
    return { key, info }
  }

  async revoke(name: string): Promise<void> {
    const found = this.#table.get(name)
    if (found === undefined) {
      throw new PandoError('not_found', `there is no key ${name}`, {
        hint: 'pando key list shows those that are there',
      })
    }
    this.#table.delete(name)
    this.#options.emit({ kind: 'key.revoked', message: `the key ${name} (${found.prefix}…) was revoked` })
    this.#options.onChange()
  }

  /** Writes down which keys were used since the last look. Without figures it will be known at the next one. */
  async #look(): Promise<void> {
    if (this.#table.values.size === 0) return
    const uses = await this.#options.figures().then(readKeyUses, () => null)
    if (uses === null) return
    const keys = new Map([...this.#table.values.values()].map((key) => [key.id, key]))
    const used = usedSince(this.#uses, uses, (id) => keys.get(id)?.lastUsedAt != null)
    this.#uses = uses
    const now = this.#options.clock.now()
    for (const id of used) {
      const key = keys.get(id)
      if (key !== undefined) this.#table.put(key.name, { ...key, lastUsedAt: now })
    }
  }
}
