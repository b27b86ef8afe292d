import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { isAbsolute, join, relative } from 'node:path'
import type { RevisionFolder } from '../revisions/revision-folder.js'

/** What was made of a snapshot. */
export interface Built {
  /** Absolute path of the copy that was built in. */
  readonly place: string
  readonly program: {
    /** What the kind starts it with; null where the manifest says it. */
    readonly command: string | readonly string[] | null
    readonly environment: Readonly<Record<string, string>>
    readonly path: readonly string[]
  }
}

/** Null when it was never finished, or something that it runs with is gone. */
export function readBuilt(folder: RevisionFolder): Built | null {
  try {
    const built = JSON.parse(readFileSync(folder.complete, 'utf8')) as Built
    return built.program.path.every((directory) => existsSync(directory)) ? built : null
  } catch {
    return null
  }
}

/** Written whole or not at all. */
export function writeBuilt(folder: RevisionFolder, built: Built): void {
  writeFileSync(`${folder.complete}.new`, JSON.stringify(built))
  renameSync(`${folder.complete}.new`, folder.complete)
}

/** The path in the copy for one in the folder; one that is elsewhere stays as it is. */
export function movedInto(path: string, folder: string, copy: string): string {
  const inner = relative(folder, path)
  return inner.startsWith('..') || isAbsolute(inner) ? path : join(copy, inner)
}
