import { createHash } from 'node:crypto'
import { constants, createReadStream, type BigIntStats } from 'node:fs'
import { chmod, copyFile, lstat, mkdir, readdir, readlink, symlink, utimes } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative } from 'node:path'
import { PandoError } from '@pando/model'
import { forEachAtOnce } from './at-once.js'
import type { IgnoreRules } from './ignore-rules.js'

/** One thing in a folder; `path` is relative with `/` between its parts. */
export type SourceEntry =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly hash: string }

/** What is remembered of a file since it was last read: as long as none of it has changed, neither have its bytes. */
export interface KnownFile {
  /** Size, times of change of content and of inode (ns), and inode, as one text. */
  readonly mark: string
  readonly hash: string
}

export interface SourceTree {
  /** By path in ascending order. */
  readonly entries: readonly SourceEntry[]
  /** SHA-256 in hex of all of it: names, permission bits, bytes, targets of links. */
  readonly digest: string
  /** What may be remembered of its files. */
  readonly known: ReadonlyMap<string, KnownFile>
}

export interface SourceLimits {
  readonly maxFiles: number
  readonly maxBytes: number
}

/** Far above any service's own sources: what is larger mostly holds data or a dependency that should be left out. */
export const sourceLimits: SourceLimits = { maxFiles: 50_000, maxBytes: 512 * 1_048_576 }

/** A file that changed this shortly before it was read may change again without its times telling. */
const settledMs = 2_000
const filesAtOnce = 16

export interface ReadTreeOptions {
  readonly folder: string
  readonly rules: IgnoreRules
  readonly known?: ReadonlyMap<string, KnownFile>
  readonly limits?: SourceLimits
  /** Unix time, ms. */
  readonly now: number
}

/** Reads a folder whole. Sockets and pipes are no sources. Rejects with `too_large` beyond the limits, and with `build_failed` for what cannot be read. */
export async function readTree(options: ReadTreeOptions): Promise<SourceTree> {
  const { folder, known, now } = options
  const found = await list(options)
  const entries: SourceEntry[] = []
  const remembered = new Map<string, KnownFile>()
  await forEachAtOnce(found, filesAtOnce, async ({ path, stats }) => {
    if (stats.isDirectory()) entries.push({ kind: 'folder', path })
    else if (stats.isSymbolicLink()) {
      entries.push({ kind: 'link', path, target: innerTarget(folder, path, await readlink(join(folder, path))) })
    } else {
      const mark = `${stats.size} ${stats.mtimeNs} ${stats.ctimeNs} ${stats.ino}`
      const before = known?.get(path)
      const hash = before?.mark === mark ? before.hash : await hashOf(join(folder, path))
      // Gone since it was listed.
      if (hash === null) return
      entries.push({ kind: 'file', path, mode: Number(stats.mode & 0o777n), hash })
      if (Number(stats.ctimeNs / 1_000_000n) < now - settledMs) remembered.set(path, { mark, hash })
    }
  })
  entries.sort((a, b) => (a.path < b.path ? -1 : 1))
  return { entries, digest: digestOf(entries), known: remembered }
}

/** Names a tree: the same for the same entries, in whatever order they come. */
export function digestOf(entries: readonly SourceEntry[]): string {
  const hash = createHash('sha256')
  for (const entry of entries.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    const rest = entry.kind === 'file' ? [entry.mode, entry.hash] : entry.kind === 'link' ? [entry.target] : []
    hash.update(`${JSON.stringify([entry.kind, entry.path, ...rest])}\n`)
  }
  return hash.digest('hex')
}

/** Copies what was read into a folder that is not there yet. A file that has gone meanwhile is left out: read the copy to know it. */
export async function copyTree(from: string, to: string, entries: readonly SourceEntry[]): Promise<void> {
  await mkdir(to, { recursive: true })
  for (const { kind, path } of entries) if (kind === 'folder') await mkdir(join(to, path), { recursive: true })
  await forEachAtOnce(entries, filesAtOnce, async (entry) => {
    if (entry.kind === 'link') await symlink(entry.target, join(to, entry.path))
    if (entry.kind === 'file') await copyOne(join(from, entry.path), join(to, entry.path)).catch(ignoreGone)
  })
}

/** The copy has the permissions and the time of change too: tools tell by it what has to be made again. */
async function copyOne(from: string, to: string): Promise<void> {
  const { atime, mtime, mode } = await lstat(from)
  await copyFile(from, to, constants.COPYFILE_FICLONE)
  await chmod(to, mode & 0o777)
  await utimes(to, atime, mtime)
}

interface Found {
  readonly path: string
  readonly stats: BigIntStats
}

async function list({ folder, rules, limits = sourceLimits }: ReadTreeOptions): Promise<Found[]> {
  const found: Found[] = []
  let bytes = 0
  let files = 0
  const largest = new Map<string, number>()
  const walk = async (below: string): Promise<void> => {
    for (const { name } of await readdir(join(folder, below), { withFileTypes: true }).catch(refuse(folder, below))) {
      const path = below === '' ? name : `${below}/${name}`
      const stats = await lstat(join(folder, path), { bigint: true }).catch(ignoreGone)
      if (stats === undefined || rules(path, stats.isDirectory())) continue
      if (stats.isDirectory()) {
        found.push({ path, stats })
        await walk(path)
      } else if (stats.isSymbolicLink()) found.push({ path, stats })
      else if (stats.isFile()) {
        found.push({ path, stats })
        files += 1
        bytes += Number(stats.size)
        const top = path.split('/')[0] ?? ''
        largest.set(top, (largest.get(top) ?? 0) + Number(stats.size))
        if (files > limits.maxFiles || bytes > limits.maxBytes) throw tooLarge(folder, limits, largest)
      }
    }
  }
  await walk('')
  return found
}

function tooLarge(folder: string, limits: SourceLimits, largest: ReadonlyMap<string, number>): PandoError {
  const names = [...largest].toSorted(([, a], [, b]) => b - a).map(([name]) => name)
  const most = `${limits.maxFiles} files or ${Math.round(limits.maxBytes / 1_048_576)} MiB`
  return new PandoError('too_large', `${folder} holds more than ${most}, the most that a revision may`, {
    hint: `leave out what is no source with "build: { context: …, ignore: [${names.slice(0, 3).join(', ')}] }", or run from the folder as it is with "snapshot: false"`,
  })
}

/** A link that leads into its own folder by an absolute path would lead out of every copy. */
function innerTarget(folder: string, path: string, target: string): string {
  if (!isAbsolute(target)) return target
  const inner = relative(folder, target)
  if (inner.startsWith('..') || isAbsolute(inner)) return target
  return relative(dirname(join(folder, path)), target) || '.'
}

async function hashOf(file: string): Promise<string | null> {
  const hash = createHash('sha256')
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 262_144 })) hash.update(chunk as Buffer)
    return hash.digest('hex')
  } catch (error) {
    if (isGone(error)) return null
    return refuse(file, '')(error)
  }
}

function refuse(folder: string, below: string): (error: unknown) => never {
  return (error) => {
    const { code } = error as NodeJS.ErrnoException
    throw new PandoError('build_failed', `${join(folder, below)} cannot be read: ${code ?? String(error)}`, {
      hint: 'make it readable, or leave it out with "ignore" under "build"',
      cause: error,
    })
  }
}

function isGone(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}

function ignoreGone(error: unknown): undefined {
  if (!isGone(error)) throw error
}
