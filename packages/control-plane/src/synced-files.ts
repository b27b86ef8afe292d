import { lstat, readFile, readlink } from 'node:fs/promises'
import { posix } from 'node:path'
import { driverOf, PandoError, type ContainerSpec } from '@pando/model'
import { tarOf, type TarEntry } from './build/tar.js'
import type { SyncedFile } from './api/sync-control.js'
import type { FileChange } from './drivers/driver.js'
import { baseOf } from './manifest/develop.js'
import type { DesiredService } from './reconciler/state.js'

/** Sources, and not data: held in memory while they are sent. */
const maxBytes = 32 * 1_048_576
/** Kept of a revision, so that a new instance of it gets them. */
const maxFiles = 5_000

interface Overlay {
  readonly revision: string
  readonly container: ContainerSpec
  /** Absolute path on this machine, by absolute path inside. */
  readonly files: Map<string, string>
}

/**
 * What `pando up --watch` has put into the containers of a service beside its image. It belongs to one revision and to this life of the
 * control plane: another revision, which was built from the files as they are, forgets it, so that a rollback gets what was deployed.
 */
export class SyncedFiles {
  readonly #overlays = new Map<string, Overlay>()

  /** Notes the files and tells what to put into what runs now. Rejects with `usage`, `conflict` or `too_large`. */
  async note({ name, spec, revision }: DesiredService, files: readonly SyncedFile[]): Promise<readonly FileChange[]> {
    if (spec.container === undefined || driverOf(spec) !== 'container') {
      throw new PandoError('conflict', `${name} runs as processes, and no files are put into its revision`, {
        hint: 'deploy it',
      })
    }
    for (const { target } of files) {
      if (posix.normalize(target) === target && baseOf(spec.container, target) !== null) continue
      throw new PandoError('conflict', `${target} cannot be written in the containers of ${name}`)
    }
    const before = this.#overlays.get(name)
    const known = before?.revision === revision ? before.files : new Map<string, string>()
    const all = new Map([...known, ...files.map(({ source, target }) => [target, source] as const)])
    if (all.size > maxFiles) {
      throw new PandoError('too_large', `more than ${maxFiles} files of ${name} have changed since it was built`, {
        hint: `pando deploy ${name} builds it as it is now`,
      })
    }
    const changes = await changesOf(spec.container, files)
    this.#overlays.set(name, { revision, container: spec.container, files: all })
    return changes
  }

  /** For a new instance, as the files are now. */
  async of(service: string, revision: string): Promise<readonly FileChange[]> {
    const overlay = this.#overlays.get(service)
    if (overlay === undefined) return []
    if (overlay.revision !== revision) {
      this.#overlays.delete(service)
      return []
    }
    return changesOf(
      overlay.container,
      [...overlay.files].map(([target, source]) => ({ source, target })),
    )
  }
}

async function changesOf(container: ContainerSpec, files: readonly SyncedFile[]): Promise<readonly FileChange[]> {
  const places = new Map<string, { entries: TarEntry[]; removed: string[] }>()
  let bytes = 0
  for (const { source, target } of files) {
    const base = baseOf(container, target) ?? '/'
    const place = places.get(base) ?? { entries: [], removed: [] }
    places.set(base, place)
    const read = await entryOf(source, posix.relative(base, target), maxBytes - bytes)
    if (read === 'gone') place.removed.push(target)
    else if (read !== null) {
      place.entries.push(read)
      bytes += read.kind === 'file' ? read.size : 0
    }
  }
  return Promise.all(
    [...places].map(async ([base, { entries, removed }]) => ({
      base,
      archive: entries.length === 0 ? null : await wholeOf(entries),
      removed,
    })),
  )
}

/** Null: nothing that could be put, as a folder, whose files come by themselves. */
async function entryOf(source: string, name: string, left: number): Promise<TarEntry | 'gone' | null> {
  try {
    const { mode, mtimeMs, size, ...stats } = await lstat(source).then((found) => ({
      mode: found.mode,
      mtimeMs: found.mtimeMs,
      size: found.size,
      isFile: found.isFile(),
      isLink: found.isSymbolicLink(),
    }))
    if (stats.isLink) return { kind: 'link', name, target: await readlink(source) }
    if (!stats.isFile) return null
    if (size > left) throw tooLarge()
    const content = await readFile(source)
    if (content.length > left) throw tooLarge()
    // Whoever the program runs as in there can read it.
    const readable = (mode & 0o777) | 0o444
    const modifiedAt = mtimeMs / 1000
    return { kind: 'file', name, mode: readable, size: content.length, bytes: once(content), modifiedAt }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'gone'
    if (error instanceof PandoError) throw error
    throw new PandoError('conflict', `${source} cannot be read: ${code ?? String(error)}`, { cause: error })
  }
}

function tooLarge(): PandoError {
  return new PandoError('too_large', `the changed files have more than ${maxBytes / 1_048_576} MiB together`, {
    hint: 'name what is no source under "ignore" of the rule, or write "action: rebuild"',
  })
}

async function wholeOf(entries: readonly TarEntry[]): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of tarOf(entries)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
