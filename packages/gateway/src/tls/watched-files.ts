import { readFile, stat } from 'node:fs/promises'

/** How the files look from outside, one text for all of them; they are read again only when it has changed. */
export type Look = string

/** What was seen of the files and what became of it. */
export interface Seen {
  /** As they looked when they were read last, whether they could be used or not; null: they never were. */
  readonly read: Look | null
  /** As they looked a moment ago. */
  readonly last: Look | null
}

/**
 * Whether files that look like this now are to be read. Only once they have stopped changing: a certificate and its key are written one after
 * the other, and between the two they do not belong together.
 */
export function mustRead(seen: Seen, now: Look): boolean {
  return now !== seen.read && now === seen.last
}

/** No certificate, key or list of authorities is larger. */
const largestFile = 4 * 1_048_576

/** A few files that belong together, looked at again and again: a watch of the system would miss what comes through a link or a mount. */
export class WatchedFiles {
  readonly paths: readonly string[]
  /** In words, as of the last look: a key that others may read. */
  warnings: readonly string[] = []
  #seen: Seen = { read: null, last: null }

  constructor(paths: readonly string[]) {
    this.paths = paths
  }

  /** Their texts when they are new, in words what is wrong when one cannot be read, and null when they are as they were. */
  async look(isFirst: boolean): Promise<readonly string[] | string | null> {
    const look = await this.#lookNow()
    const isDue = isFirst ? look !== this.#seen.read : mustRead(this.#seen, look)
    this.#seen = { read: isDue ? look : this.#seen.read, last: look }
    return isDue ? this.#read() : null
  }

  async #lookNow(): Promise<Look> {
    const looks = await Promise.all(
      this.paths.map(async (path) => {
        try {
          const { mtimeMs, size, ino, dev, mode } = await stat(path)
          return { look: `${dev} ${ino} ${size} ${mtimeMs}`, isOpen: (mode & 0o007) !== 0 }
        } catch (error) {
          return { look: (error as NodeJS.ErrnoException).code ?? 'unknown', isOpen: false }
        }
      }),
    )
    // The last one is the secret one, where there are two.
    const isExposed = this.paths.length > 1 && looks.at(-1)?.isOpen === true
    this.warnings = isExposed ? [`the key ${this.paths.at(-1)} may be read by every user of this machine`] : []
    return looks.map(({ look }) => look).join('\n')
  }

  async #read(): Promise<readonly string[] | string> {
    const texts: string[] = []
    for (const path of this.paths) {
      try {
        if ((await stat(path)).size > largestFile) return `${path} is too large`
        texts.push(await readFile(path, 'utf8'))
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (code === 'ENOENT' || code === 'ENOTDIR') return `there is no file ${path}`
        if (code === 'EACCES' || code === 'EPERM') return `${path} may not be read by this user`
        return `${path} cannot be read: ${code ?? String(error)}`
      }
    }
    return texts
  }
}
