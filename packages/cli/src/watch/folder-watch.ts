import { lstatSync, readdirSync, watch as watchFolder, type Dirent, type FSWatcher, type Stats } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { PandoError } from '@pando/model'

/** How often a folder that has gone is looked for again. */
const lookMs = 500
/** Far above any service's sources. */
const mostFolders = 20_000

export interface FolderWatchOptions {
  /** Absolute: a folder with all below it, or one file. It need not be there yet. */
  readonly path: string
  /** Paths are seen from `path`, with `/` between their parts. Folders so ignored are not looked into. */
  readonly isIgnored: (path: string, isFolder: boolean) => boolean
  /** Something is new, different or gone. A file by itself has an empty path. */
  readonly onChange: (path: string) => void
  /** It does not watch any more. */
  readonly onError: (error: PandoError) => void
  readonly watch?: typeof watchFolder
}

/**
 * Tells what changes below a folder. Each folder has a watch of its own and files have none: what is ignored costs nothing, and a folder
 * that is made anew under an old name is watched anew. Links are changes but are never followed. See decision 10.
 */
export class FolderWatch {
  readonly #options: FolderWatchOptions
  /** By path below the root; the root's is empty. */
  readonly #watchers = new Map<string, FSWatcher>()
  #root = ''
  /** Set when one file is watched: its name in the root. */
  #only: string | null = null
  #inode = 0
  #timer: NodeJS.Timeout | null = null
  #isClosed = false

  constructor(options: FolderWatchOptions) {
    this.#options = options
    this.#begin(false)
  }

  close(): void {
    this.#isClosed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#drop('')
  }

  #begin(isNew: boolean): void {
    const { path, onChange } = this.#options
    const found = lstat(path)
    // A file is replaced as often as it is saved: its folder is what stays.
    this.#only = found?.isDirectory() === true ? null : basename(path)
    this.#root = this.#only === null ? path : dirname(path)
    const root = lstat(this.#root)
    if (root === undefined) return this.#lookAgain()
    this.#inode = root.ino
    this.#add('', isNew)
    if (isNew && this.#only !== null && found !== undefined) onChange('')
  }

  #lookAgain(): void {
    if (this.#isClosed || this.#timer !== null) return
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.#begin(true)
    }, lookMs)
  }

  /** Watches first and lists then, so that nothing falls in between; what is found in a new folder is a change. */
  #add(below: string, isNew: boolean): void {
    if (this.#isClosed) return
    if (this.#watchers.size >= mostFolders) return this.#fail(tooMany(this.#root))
    const folder = join(this.#root, below)
    try {
      const watcher = (this.#options.watch ?? watchFolder)(folder, (type, name) => this.#heed(below, type, name))
      watcher.on('error', (error) => this.#stumble(below, error))
      this.#watchers.set(below, watcher)
    } catch (error) {
      return this.#stumble(below, error)
    }
    if (this.#only !== null) return
    for (const entry of entriesOf(folder)) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`
      if (this.#options.isIgnored(path, entry.isDirectory())) continue
      if (entry.isDirectory()) this.#add(path, isNew)
      else if (isNew) this.#options.onChange(path)
    }
  }

  #heed(below: string, type: string, name: string | null): void {
    if (this.#isClosed) return
    if (below === '' && type === 'rename' && lstat(this.#root)?.ino !== this.#inode) return this.#lose()
    if (this.#only !== null) return this.#heedOnly(name)
    if (name === null) return this.#options.onChange(below)
    const path = below === '' ? name : `${below}/${name}`
    const now = lstat(join(this.#root, path))
    const wasFolder = this.#watchers.has(path)
    const isFolder = now === undefined ? true : now.isDirectory()
    if (type === 'rename') this.#drop(path)
    // Of what is gone nobody knows what it was: a rule for folders covers it too.
    if (this.#options.isIgnored(path, isFolder)) return
    if (type === 'rename' && now?.isDirectory() === true) this.#add(path, true)
    else if (type === 'change' && wasFolder) return
    this.#options.onChange(path)
  }

  #heedOnly(name: string | null): void {
    if (name !== null && name !== this.#only) return
    // It may have become a folder, which is watched otherwise.
    if (lstat(this.#options.path)?.isDirectory() === true) {
      this.#drop('')
      return this.#begin(true)
    }
    this.#options.onChange('')
  }

  /** The root itself has gone, or another folder has its name. */
  #lose(): void {
    this.#drop('')
    this.#options.onChange('')
    this.#lookAgain()
  }

  #drop(path: string): void {
    for (const [below, watcher] of this.#watchers) {
      if (path !== '' && below !== path && !below.startsWith(`${path}/`)) continue
      this.#watchers.delete(below)
      watcher.close()
    }
  }

  #stumble(below: string, error: unknown): void {
    const { code } = error as NodeJS.ErrnoException
    // Gone before it could be watched: its own folder tells. What may not be read is no source that could be built either.
    if (below !== '' && (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES')) return
    if (code === 'ENOENT') return this.#lose()
    this.#fail(explain(this.#root, error))
  }

  #fail(error: PandoError): void {
    if (this.#isClosed) return
    this.close()
    this.#options.onError(error)
  }
}

function lstat(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}

function tooMany(root: string): PandoError {
  return new PandoError('too_large', `${root} holds more than ${mostFolders} folders, the most that are watched`, {
    hint: 'leave out what is no source with "ignore" under "build" or under the rule in "develop.watch"',
  })
}

function explain(root: string, error: unknown): PandoError {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC') {
    return new PandoError('unavailable', `${root} cannot be watched: the system allows no more watches`, {
      hint: 'raise the limit: sudo sysctl fs.inotify.max_user_watches=524288',
      cause: error,
    })
  }
  if (code === 'EMFILE') {
    return new PandoError('unavailable', `${root} cannot be watched: the system allows no more watching programs`, {
      hint: 'raise the limit: sudo sysctl fs.inotify.max_user_instances=512',
      cause: error,
    })
  }
  return new PandoError('unavailable', `${root} cannot be watched: ${code ?? String(error)}`, { cause: error })
}
