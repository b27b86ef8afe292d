import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

interface Record {
  /** Of the image that was asked for last; it may not be made yet. */
  readonly latest: string | null
  /** By tag: ids of what stages before the last left in the engine, which no name leads to. */
  readonly stages: Readonly<{ [tag: string]: readonly string[] }>
}

const nothing: Record = { latest: null, stages: {} }

/** What is known of a service's images that the engine cannot tell: `<stateDir>/images/<service>.json`. Lost, it costs disk and nothing else. */
export class ImageRecords {
  readonly #directory: string

  constructor(stateDir: string) {
    this.#directory = join(resolve(stateDir), 'images')
  }

  /** True when images were built from this state directory, so that it is worth asking an engine. */
  get isUsed(): boolean {
    return existsSync(this.#directory) && readdirSync(this.#directory).some((name) => name.endsWith('.json'))
  }

  latest(service: string): string | null {
    return this.#read(service).latest
  }

  stages(service: string, tag: string): readonly string[] {
    return this.#read(service).stages[tag] ?? []
  }

  /** Ids that images of the service but `tag` have been made through. */
  stagesOfOthers(service: string, tag: string): ReadonlySet<string> {
    const { stages } = this.#read(service)
    return new Set(Object.entries(stages).flatMap(([other, ids]) => (other === tag ? [] : ids)))
  }

  noteAsked(service: string, tag: string): void {
    const record = this.#read(service)
    if (record.latest !== tag) this.#write(service, { ...record, latest: tag })
  }

  noteStages(service: string, tag: string, ids: readonly string[]): void {
    const record = this.#read(service)
    if (ids.length > 0) this.#write(service, { ...record, stages: { ...record.stages, [tag]: ids } })
  }

  /** The image is gone, and with the last of a service its file. */
  forget(service: string, tag: string): void {
    const { latest, stages } = this.#read(service)
    const { [tag]: _, ...others } = stages
    const rest = { latest: latest === tag ? null : latest, stages: others }
    if (rest.latest === null && Object.keys(others).length === 0) rmSync(this.#file(service), { force: true })
    else this.#write(service, rest)
  }

  #file(service: string): string {
    return join(this.#directory, `${service}.json`)
  }

  #read(service: string): Record {
    try {
      return { ...nothing, ...(JSON.parse(readFileSync(this.#file(service), 'utf8')) as Record) }
    } catch {
      return nothing
    }
  }

  #write(service: string, record: Record): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 })
    const file = this.#file(service)
    writeFileSync(`${file}.new`, JSON.stringify(record))
    renameSync(`${file}.new`, file)
  }
}
