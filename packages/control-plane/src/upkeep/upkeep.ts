import { randomUUID } from 'node:crypto'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { PandoError } from '@pando/model'
import type { PrunedItem, PruneRequest, Pruned } from '../api/upkeep-control.js'
import type { BuiltImages } from '../build/built-images.js'
import { ImageRecords } from '../build/image-records.js'
import type { Clock } from '../clock.js'
import { diskUse } from './disk-use.js'
import { keptRevisions, type RevisionFacts } from './kept-revisions.js'
import { isImageKept } from './old-images.js'
import { clearNotes, oldFolders, type OldFolder, type OldFoldersQuery } from './old-folders.js'

export interface UpkeepOptions {
  readonly stateDir: string
  readonly clock: Clock
  readonly facts: () => Promise<RevisionFacts>
  /** The images in the engine; closed by whoever asked for them. */
  readonly images: () => Promise<BuiltImages>
  /** Folders are removed in turn with what is ordered, so that no snapshot is being taken meanwhile. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>
  readonly onFault: (what: string, error: unknown) => void
}

/**
 * Removes what was built for revisions that nobody can go back to: by itself after a change and after a rollout, and when it is
 * asked to. What is needed is found out anew just before something goes, and an image that a container runs stays whatever is thought of it.
 */
export class Upkeep {
  readonly #options: UpkeepOptions
  readonly #records: ImageRecords
  #isDue = false
  #isUnderWay = false
  #isClosed = false

  constructor(options: UpkeepOptions) {
    this.#options = options
    this.#records = new ImageRecords(options.stateDir)
  }

  /** What it removes, or would. Rejects when something cannot be removed; without an engine its images stay, and a note says so. */
  async prune({ isAll, isDry }: PruneRequest): Promise<Pruned> {
    const folders = await this.#folders({ isAll, isDry, isMeasured: true })
    try {
      const images = await this.#images({ isAll, isDry, isMeasured: true })
      return { items: [...folders, ...images], notes: [] }
    } catch (error) {
      const reason = PandoError.from(error).message
      return { items: folders, notes: [`images were not looked at, or not to the end: ${reason}`] }
    }
  }

  /** Does it soon, in the background; one time at once, and once more when it was asked for meanwhile. */
  soon(): void {
    this.#isDue = true
    if (!this.#isUnderWay) void this.#whileDue()
  }

  /** Begins nothing more. */
  close(): void {
    this.#isClosed = true
  }

  async #whileDue(): Promise<void> {
    this.#isUnderWay = true
    while (this.#isDue && !this.#isClosed) {
      this.#isDue = false
      const options = { isAll: false, isDry: false, isMeasured: false }
      try {
        await this.#folders(options)
        await this.#images(options)
      } catch (error) {
        // An engine that is away, mostly: the next change comes to it again.
        const isOurs = !PandoError.from(error).isUserMistake
        if (isOurs && !this.#isClosed) this.#options.onFault('could not remove old builds', error)
      }
    }
    this.#isUnderWay = false
  }

  /** Orders wait for the putting aside alone: to measure and to delete takes time. */
  async #folders({ isAll, isDry, isMeasured }: PruneRequest & { readonly isMeasured: boolean }): Promise<PrunedItem[]> {
    const bin = join(this.#options.stateDir, 'removed')
    const old = await this.#options.inTurn(async () => {
      const found = this.#isClosed ? [] : oldFolders(await this.#query(isAll))
      return isDry ? found : Promise.all(found.map((folder) => this.#putAside(folder, bin)))
    })
    const items: PrunedItem[] = []
    for (const { kind, service, name, path } of old) {
      items.push({ kind, service, name, bytes: isMeasured ? await diskUse(path) : 0 })
    }
    if (!isDry) await rm(bin, { recursive: true, force: true })
    return items
  }

  async #putAside(folder: OldFolder, bin: string): Promise<OldFolder> {
    const path = join(bin, randomUUID())
    await mkdir(bin, { recursive: true, mode: 0o700 })
    await rename(folder.path, path)
    if (folder.kind === 'revision') clearNotes(this.#options.stateDir, folder.service)
    return { ...folder, path }
  }

  async #images({ isAll, isDry, isMeasured }: PruneRequest & { readonly isMeasured: boolean }): Promise<PrunedItem[]> {
    if (!this.#records.isUsed) return []
    const images = await this.#options.images()
    const items: PrunedItem[] = []
    try {
      const there = await images.list({ isMeasured })
      const first = await this.#query(isAll)
      for (const image of there.filter((each) => !isImageKept(each, first))) {
        if (this.#isClosed) break
        // The one before may have taken its time, and something may be going back to this one now.
        if (isImageKept(image, await this.#query(isAll))) continue
        if (isDry || (await images.remove(image))) {
          items.push({ kind: 'image', service: image.service, name: image.tag, bytes: image.bytes })
        }
      }
    } finally {
      images.close()
    }
    return items
  }

  async #query(isAll: boolean): Promise<OldFoldersQuery> {
    const { stateDir, clock } = this.#options
    const facts = await this.#options.facts()
    const latestImage = (service: string): string | null => this.#records.latest(service)
    return { stateDir, facts, kept: keptRevisions(facts, { isAll }), isAll, latestImage, now: clock.now() }
  }
}
