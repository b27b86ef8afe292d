import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { canonicalJson, type BuildSpec } from '@pando/model'

/**
 * The folder of what one revision is built from and to, below `<stateDir>/revisions/<service>/`. It is named by its inputs alone, so
 * revisions that differ in nothing else (an environment variable, say) share it, and going back to one needs no build.
 *
 * ```
 * <key>/source/     what was there when it was taken; gone when it is built
 * <key>/files.json  the hash of every file
 * <key>/tree/…      the copy that is built in and run from
 * <key>/.complete   written last: what to run
 * <key>/image       name of the image that is made of it
 * ```
 */
export interface RevisionFolder {
  readonly path: string
  readonly source: string
  readonly files: string
  readonly tree: string
  readonly complete: string
  readonly image: string
}

export function revisionsOf(stateDir: string, service: string): string {
  return join(resolve(stateDir), 'revisions', service)
}

export function keyOf(source: string, build: BuildSpec): string {
  return createHash('sha256').update(canonicalJson({ source, build })).digest('hex').slice(0, 16)
}

export function revisionFolder(
  stateDir: string,
  { service, source, build }: { readonly service: string; readonly source: string; readonly build: BuildSpec },
): RevisionFolder {
  const path = join(revisionsOf(stateDir, service), keyOf(source, build))
  return {
    path,
    source: join(path, 'source'),
    files: join(path, 'files.json'),
    tree: join(path, 'tree'),
    complete: join(path, '.complete'),
    image: join(path, 'image'),
  }
}

export function isBuilt(folder: RevisionFolder): boolean {
  return existsSync(folder.complete)
}
