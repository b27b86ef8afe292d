import { readFileSync, statSync } from 'node:fs'

const periodMs = 1_000
const mostBytes = 1_048_576

/**
 * A small file that is read now and whenever it changes: looked at once a second, since a watch of the system's does not follow a file that is replaced
 * by another, as secrets are. When it cannot be read any more, what was read last stands: it may be in the middle of being replaced.
 */
export class WatchedFile {
  readonly path: string
  readonly #onTrouble: (message: string) => void
  readonly #timer: NodeJS.Timeout
  #take: (bytes: Buffer) => void = () => {}
  #seen = ''
  trouble: string | null = null

  /** `take` gets the bytes, at once and after each change; it throws a sentence when they are of no use. */
  constructor(path: string, take: (bytes: Buffer) => void, onTrouble: (message: string) => void) {
    this.path = path
    this.#take = take
    this.#onTrouble = onTrouble
    this.look()
    this.#timer = setInterval(() => this.look(), periodMs)
    this.#timer.unref()
  }

  look(): void {
    try {
      const { seen, size } = statOf(this.path)
      if (seen === this.#seen) return
      this.#seen = seen
      if (size > mostBytes) throw new Error(`it has more than ${mostBytes} bytes`)
      this.#take(readFileSync(this.path))
      this.trouble = null
    } catch (error) {
      // One that comes back is read, be it the very same.
      if (isGone(error)) this.#seen = ''
      const trouble = `${this.path}: ${describe(error as NodeJS.ErrnoException)}`
      if (trouble !== this.trouble) this.#onTrouble(trouble)
      this.trouble = trouble
    }
  }

  close(): void {
    clearInterval(this.#timer)
  }
}

function statOf(path: string): { readonly seen: string; readonly size: number } {
  const { mtimeMs, ctimeMs, size, ino } = statSync(path)
  return { seen: `${mtimeMs} ${ctimeMs} ${size} ${ino}`, size }
}

function isGone(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}

function describe(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return 'there is no such file'
  if (error.code === 'EACCES') return 'the gateway may not read it'
  return error.message
}
