import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PandoError, type BuildSpec } from '@pando/model'
import type { Clock } from '../clock.js'
import { keyOf, revisionFolder, revisionsOf } from './revision-folder.js'
import { sourceRules } from './source-rules.js'
import { copyTree, readTree, type KnownFile, type SourceEntry, type SourceLimits } from './source-tree.js'

/** Beginning of the names of copies that are under way; what a dead control plane left of them is cleared away. */
export const unfinished = '.new-'
const indexName = 'index.json'

export interface SnapshotsOptions {
  readonly stateDir: string
  readonly clock: Clock
  readonly limits?: SourceLimits
}

/** What has changed between two snapshots: counts of files. */
export interface FileChanges {
  readonly added: number
  readonly changed: number
  readonly removed: number
}

/**
 * Copies of services' folders, by what is in them. A copy appears under its name whole or not at all, and nothing is ever
 * written into it again. Its name is the digest of the copy, not of the folder it was taken from: what changes while
 * it is read is in it or not, but never named otherwise than it is.
 */
export class Snapshots {
  readonly #options: SnapshotsOptions

  constructor(options: SnapshotsOptions) {
    this.#options = options
  }

  /** The digest of the folder as it is, without keeping anything of it; null for one that is run from as it is. */
  async digest(service: string, build: BuildSpec): Promise<string | null> {
    return build.isLive === true ? null : (await this.#read(service, build)).digest
  }

  /** Keeps the folder as it is, if that is not kept yet, and resolves with its digest; null for one that is run from as it is. */
  async take(service: string, build: BuildSpec): Promise<string | null> {
    if (build.isLive === true) return null
    const { digest, entries } = await this.#read(service, build)
    if (this.has(service, digest, build)) return digest
    const directory = revisionsOf(this.#options.stateDir, service)
    const beside = join(directory, `${unfinished}${randomBytes(6).toString('hex')}`)
    try {
      await copyTree(build.context, join(beside, 'source'), entries)
      const copy = await readTree({
        folder: join(beside, 'source'),
        rules: () => false,
        now: this.#options.clock.now(),
      })
      await writeFile(join(beside, 'files.json'), JSON.stringify(hashesOf(copy.entries)))
      if (!this.has(service, copy.digest, build)) await rename(beside, join(directory, keyOf(copy.digest, build)))
      return copy.digest
    } finally {
      await rm(beside, { recursive: true, force: true })
    }
  }

  /** Whether there is something to build it from, or what was built from it. */
  has(service: string, source: string, build: BuildSpec): boolean {
    const folder = revisionFolder(this.#options.stateDir, { service, source, build })
    return existsSync(folder.source) || existsSync(folder.complete)
  }

  /** How the folder as it is now differs from a snapshot; null when that is gone. */
  async changesSince(service: string, source: string, build: BuildSpec, now: BuildSpec): Promise<FileChanges | null> {
    const { files } = revisionFolder(this.#options.stateDir, { service, source, build })
    const before = await readJson<Record<string, string>>(files)
    if (before === null) return null
    const after = hashesOf((await this.#read(service, now)).entries)
    const names = Object.keys(after)
    return {
      added: names.filter((name) => !Object.hasOwn(before, name)).length,
      changed: names.filter((name) => Object.hasOwn(before, name) && before[name] !== after[name]).length,
      removed: Object.keys(before).filter((name) => !Object.hasOwn(after, name)).length,
    }
  }

  async #read(service: string, build: BuildSpec): Promise<Awaited<ReturnType<typeof readTree>>> {
    if (!existsSync(build.context)) {
      throw new PandoError('build_failed', `service ${service}: its folder ${build.context} does not exist`, {
        hint: 'correct "build" in the manifest',
      })
    }
    const file = join(revisionsOf(this.#options.stateDir, service), indexName)
    const index = await readJson<{ readonly context: string; readonly files: [string, KnownFile][] }>(file)
    const known = new Map(index?.context === build.context ? index.files : [])
    const { limits, clock } = this.#options
    const rules = await sourceRules(build)
    const now = clock.now()
    const tree = await readTree({
      folder: build.context,
      rules,
      known,
      now,
      ...(limits === undefined ? {} : { limits }),
    })
    if (!isSame(known, tree.known)) {
      await mkdir(revisionsOf(this.#options.stateDir, service), { recursive: true, mode: 0o700 })
      await writeFile(`${file}.new`, JSON.stringify({ context: build.context, files: [...tree.known] }))
      await rename(`${file}.new`, file)
    }
    return tree
  }
}

function isSame(a: ReadonlyMap<string, KnownFile>, b: ReadonlyMap<string, KnownFile>): boolean {
  return a.size === b.size && [...a].every(([path, { mark }]) => b.get(path)?.mark === mark)
}

function hashesOf(entries: readonly SourceEntry[]): Record<string, string> {
  return Object.fromEntries(
    entries.flatMap((entry) => (entry.kind === 'file' ? [[entry.path, `${entry.mode} ${entry.hash}`]] : [])),
  )
}

async function readJson<T>(file: string): Promise<T | null> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as T
  } catch {
    // Not there, or cut short: then everything is read anew.
    return null
  }
}
