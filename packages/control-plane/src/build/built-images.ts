import { containerKey } from '../drivers/container/labels.js'
import { EngineClient } from '../drivers/container/engine-client.js'
import type { Clock } from '../clock.js'
import { ImageRecords } from './image-records.js'

interface Summary {
  readonly Size: number
  readonly SharedSize?: number
  readonly RepoTags?: readonly string[] | null
}

/** What Podman puts in front of a name without a registry. */
const impliedRegistry = /^(?:docker\.io|localhost)\//

/** An image that was built from this state directory and is there. */
export interface NamedImage {
  readonly service: string
  readonly tag: string
  /** What goes with it: layers that others share are not counted where the engine tells (API 1.42). */
  readonly bytes: number
}

export function builtImagesOf(options: {
  readonly stateDir: string
  readonly clock: Clock
  readonly environment: Readonly<Record<string, string | undefined>>
}): BuiltImages {
  const { stateDir } = options
  return new BuiltImages({
    engine: new EngineClient(options),
    prefix: imagePrefix(stateDir),
    records: new ImageRecords(stateDir),
  })
}

/** What the names of one state directory's images begin with: `pando-<key>/<service>:<digest>`. */
export function imagePrefix(stateDir: string): string {
  return `pando-${containerKey(stateDir)}/`
}

/** The images in the engine that one state directory has built, and no other's. Rejects as the engine's client does. */
export class BuiltImages {
  readonly #engine: EngineClient
  readonly #prefix: string
  readonly #records: ImageRecords

  constructor(options: { readonly engine: EngineClient; readonly prefix: string; readonly records: ImageRecords }) {
    this.#engine = options.engine
    this.#prefix = options.prefix
    this.#records = options.records
  }

  async list({ isMeasured }: { readonly isMeasured: boolean }): Promise<NamedImage[]> {
    const query = {
      filters: JSON.stringify({ reference: [`${this.#prefix}*`] }),
      ...(isMeasured ? { 'shared-size': '1' } : {}),
    }
    const found = (await this.#engine.ask<Summary[]>('GET', '/images/json', { query, timeoutMs: 120_000 })) ?? []
    return found.flatMap(({ RepoTags, Size, SharedSize = -1 }) => {
      const names = (RepoTags ?? []).map((tag) => tag.replace(impliedRegistry, ''))
      const tags = names.filter((tag) => tag.startsWith(this.#prefix))
      // One that has other names as well stays under those.
      const goes = tags.length === names.length ? Size - Math.max(0, SharedSize) : 0
      return tags.map((tag, index) => ({ service: this.#serviceOf(tag), tag, bytes: index === 0 ? goes : 0 }))
    })
  }

  /**
   * Takes its name away, and with the last name itself and what stages have left of it. False, and nothing has changed, when a container
   * runs it.
   */
  async remove({ service, tag }: NamedImage): Promise<boolean> {
    const path = `/images/${encodeURIComponent(tag)}`
    const gone = await this.#engine.ask<readonly object[]>('DELETE', path, { absent: [409], timeoutMs: 120_000 })
    if (gone === null) return false
    const kept = this.#records.stagesOfOthers(service, tag)
    for (const id of this.#records.stages(service, tag)) if (!kept.has(id)) await this.#removeUnnamed(id)
    this.#records.forget(service, tag)
    return true
  }

  close(): void {
    this.#engine.close()
  }

  #serviceOf(tag: string): string {
    return tag.slice(this.#prefix.length).split(':')[0] ?? ''
  }

  /** Where somebody has given it a name since, or builds on it, it is theirs. */
  async #removeUnnamed(id: string): Promise<void> {
    type Names = { readonly RepoTags?: readonly string[] | null; readonly RepoDigests?: readonly string[] | null }
    const found = await this.#engine.ask<Names>('GET', `/images/${id}/json`, { absent: [404] })
    if (found === null || (found.RepoTags ?? []).length + (found.RepoDigests ?? []).length > 0) return
    await this.#engine.ask('DELETE', `/images/${id}`, { absent: [404, 409], timeoutMs: 120_000 })
  }
}
