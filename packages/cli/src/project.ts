import { existsSync, readdirSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { PandoError } from '@pando/model'
import type { GlobalOptions } from './context.js'

export const manifestNames = ['pando.yaml', 'pando.yml'] as const

/** Read when there is no manifest of ours, as Compose finds them. */
const composeNames = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'] as const

/** Where a command works: both paths are absolute. */
export interface Project {
  readonly manifest: string
  readonly stateDir: string
}

/** Finds the manifest: `-f`, or the nearest in this folder and those above it. Rejects with `usage` when there is none. */
export function findProject(cwd: string, options: GlobalOptions): Project {
  const manifest = options.file === undefined ? nearestManifest(cwd) : namedManifest(cwd, options.file)
  return { manifest, stateDir: resolve(cwd, options.stateDir ?? join(dirname(manifest), '.pando')) }
}

/** For commands that only speak to what runs: a state directory is enough, its manifest may be gone. */
export function findStateDir(cwd: string, options: GlobalOptions): string {
  if (options.stateDir !== undefined) return resolve(cwd, options.stateDir)
  if (options.file !== undefined) return findProject(cwd, options).stateDir
  for (const folder of foldersUpwards(cwd)) {
    if (manifestIn(folder) !== undefined || isFolder(join(folder, '.pando'))) return join(folder, '.pando')
  }
  const compose = nearest(cwd, composeIn)
  if (compose !== undefined) return join(dirname(compose), '.pando')
  throw noManifest(cwd)
}

function namedManifest(cwd: string, file: string): string {
  const path = resolve(cwd, file)
  if (isFolder(path)) {
    const inside = manifestIn(path) ?? composeIn(path)
    if (inside !== undefined) return inside
    throw new PandoError('usage', `there is no ${manifestNames[0]} in ${path}`, { hint: 'write one with: pando init' })
  }
  if (existsSync(path)) return path
  throw new PandoError('usage', `there is no file ${path}`, {
    hint: 'name the manifest with -f, or write one with: pando init',
  })
}

function nearestManifest(cwd: string): string {
  // One of ours further up goes before a Compose file beside a service of it.
  const manifest = nearest(cwd, manifestIn) ?? nearest(cwd, composeIn)
  if (manifest !== undefined) return manifest
  throw noManifest(cwd)
}

function nearest(cwd: string, find: (folder: string) => string | undefined): string | undefined {
  for (const folder of foldersUpwards(cwd)) {
    const found = find(folder)
    if (found !== undefined) return found
  }
  return undefined
}

function noManifest(cwd: string): PandoError {
  const write = 'write one for the services in this folder with: pando init'
  const below = manifestBelow(cwd)
  return new PandoError('usage', `there is no ${manifestNames[0]} in ${cwd} or any folder above it`, {
    hint:
      below === undefined
        ? `${write}. Or name one with: -f FILE`
        : `name the one that is below with: -f ${below}. Or ${write}`,
  })
}

function manifestIn(folder: string): string | undefined {
  return manifestNames.map((name) => join(folder, name)).find((path) => existsSync(path))
}

function composeIn(folder: string): string | undefined {
  return composeNames.map((name) => join(folder, name)).find((path) => existsSync(path))
}

/** From `cwd`, one or two folders down, as in a repository with examples; undefined when there is none. Looks at 500 at most. */
function manifestBelow(cwd: string): string | undefined {
  const children = foldersIn(cwd)
  const folders = [...children, ...children.flatMap(foldersIn)].slice(0, 500)
  const found = folders.map(manifestIn).find((path) => path !== undefined)
  return found === undefined ? undefined : relative(cwd, found)
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules')
      .slice(0, 100)
      .map(({ name }) => join(folder, name))
  } catch {
    return []
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

function* foldersUpwards(start: string): Generator<string> {
  for (let folder = resolve(start); ; folder = dirname(folder)) {
    yield folder
    if (folder === dirname(folder)) return
  }
}
