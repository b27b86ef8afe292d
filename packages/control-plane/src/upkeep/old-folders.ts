import { existsSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { driverOf } from '@pando/model'
import type { PrunedItem } from '../api/upkeep-control.js'
import type { DesiredService } from '../reconciler/state.js'
import { unfinished } from '../revisions/snapshots.js'
import { isBuilt, keyOf, revisionFolder, revisionsOf } from '../revisions/revision-folder.js'
import { hasLeft, type KeptRevisions, type RevisionFacts } from './kept-revisions.js'

/** A copy that is younger may be under way: `pando build` makes some beside the control plane. */
const unfinishedForMs = 3_600_000
/** Beside the revisions of a service: what is known of the folder's files. */
const indexName = 'index.json'
/** What only saves time, and is made again: a compiler's own folder, what npm installed. */
const isCache = (name: string): boolean => name === 'cargo' || name.startsWith('modules-')

export interface OldFolder extends Pick<PrunedItem, 'kind' | 'service' | 'name'> {
  readonly path: string
}

export interface OldFoldersQuery {
  readonly stateDir: string
  readonly facts: Pick<RevisionFacts, 'desired'>
  readonly kept: KeptRevisions
  readonly isAll: boolean
  /** The image of a service that was asked for last. */
  readonly latestImage: (service: string) => string | null
  readonly now: number
}

/** Folders below `revisions/` and `builds/` that nothing kept is built from or runs from. Only looks. */
export function oldFolders(query: OldFoldersQuery): OldFolder[] {
  const stateDir = resolve(query.stateDir)
  return [
    ...namesIn(join(stateDir, 'revisions')).flatMap((service) => oldRevisions(query, service)),
    ...namesIn(join(stateDir, 'builds')).flatMap((service) => oldBuilds(query, service)),
  ]
}

function oldRevisions(
  { stateDir, facts, kept, isAll, latestImage, now }: OldFoldersQuery,
  service: string,
): OldFolder[] {
  const directory = revisionsOf(stateDir, service)
  const revisions = kept.get(service) ?? []
  const names = new Set(revisions.flatMap(({ source, spec }) => (source === null ? [] : [keyOf(source, spec.build)])))
  // What `pando build` made ahead is not deployed yet.
  const ahead = isAll || hasLeft(facts, service) ? null : latestImage(service)
  return namesIn(directory).flatMap((name): OldFolder[] => {
    const path = join(directory, name)
    if (name === indexName || names.has(name) || (name.startsWith(unfinished) && isYoung(path, now))) return []
    if (ahead !== null && imageNotedIn(path) === ahead) return []
    return [{ kind: 'revision', service, name, path }]
  })
}

/** When nothing but notes is left of a service's revisions, these go too. */
export function clearNotes(stateDir: string, service: string): void {
  const directory = revisionsOf(stateDir, service)
  if (namesIn(directory).every((name) => name === indexName)) rmSync(directory, { recursive: true, force: true })
}

/** Of what several revisions may run from, that which none of the kept ones names. */
function oldBuilds({ stateDir, facts, kept, isAll }: OldFoldersQuery, service: string): OldFolder[] {
  const directory = join(resolve(stateDir), 'builds', service)
  const revisions = kept.get(service) ?? []
  const found = (name: string): OldFolder => ({ kind: 'build', service, name, path: join(directory, name) })
  if (revisions.length === 0) {
    return isAll || hasLeft(facts, service) ? [{ kind: 'build', service, name: service, path: directory }] : []
  }
  const folders = revisions.map(({ source, spec }) =>
    source === null ? null : revisionFolder(stateDir, { service, source, build: spec.build }),
  )
  // One that runs from its folder as it is keeps its own few; one that is just being built does not name yet what it makes.
  if (folders.includes(null) || isBeingBuilt(stateDir, facts.desired.get(service))) return []
  const named = folders.flatMap((folder) =>
    folder !== null && isBuilt(folder) ? [readFileSync(folder.complete, 'utf8')] : [],
  )
  return namesIn(directory).flatMap((name): OldFolder[] => {
    const isOld = name.startsWith('venv-') && !named.some((text) => names(text, join(directory, name)))
    return isOld || (isAll && facts.desired.size === 0 && isCache(name)) ? [found(name)] : []
  })
}

/** Whether a path, or one below it, is in a JSON text. */
function names(text: string, path: string): boolean {
  const quoted = JSON.stringify(path).slice(0, -1)
  return text.includes(`${quoted}"`) || text.includes(`${quoted}/`)
}

function isBeingBuilt(stateDir: string, wanted: DesiredService | undefined): boolean {
  if (wanted === undefined || driverOf(wanted.spec) === 'container') return false
  const { name, source = null, spec } = wanted
  return source === null || !isBuilt(revisionFolder(stateDir, { service: name, source, build: spec.build }))
}

/** Name of the image that is made of the revision in this folder; null when none is. */
export function imageNotedIn(path: string): string | null {
  const file = join(path, 'image')
  return existsSync(file) ? readFileSync(file, 'utf8') : null
}

function isYoung(path: string, now: number): boolean {
  return now - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) < unfinishedForMs
}

function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory).sort() : []
}
