import type { Path, Source } from '../source.js'
import type { Written } from './written.js'

/**
 * A manifest in Pando's words that is made from a Compose file, with the place that each of its values comes from, so that a mistake
 * which only shows in our words is shown where it was written.
 */
export class Draft {
  readonly content: Record<string, unknown> = {}
  readonly #places = new Map<string, Written>()

  put(path: Path, value: unknown, from: Written): void {
    let at = this.content
    for (const part of path.slice(0, -1)) at = (at[part] ??= {}) as Record<string, unknown>
    at[String(path.at(-1))] = value
    this.place(path, from)
  }

  /** Where a value comes from that another `put` has put. */
  place(path: Path, from: Written): void {
    this.#places.set(keyOf(path), from)
  }

  has(path: Path): boolean {
    let at: unknown = this.content
    for (const part of path) at = (at as Record<string, unknown> | undefined)?.[String(part)]
    return at !== undefined
  }

  /** The file as Pando's own reader takes it. */
  asSource(file: Source): Source {
    const find = (path: Path): { from: Written; path: Path } | null => {
      for (let length = path.length; length > 0; length--) {
        const from = this.#places.get(keyOf(path.slice(0, length)))
        if (from !== undefined) return { from, path: [...from.path, ...path.slice(length)] }
      }
      return null
    }
    return {
      ...file,
      value: this.content,
      mistake: (path, part, message, hint, snippet) => {
        const found = find(path)
        return found === null
          ? file.mistake(path, part, message, hint, snippet)
          : found.from.source.mistake(found.path, part, message, hint, snippet)
      },
      written: (path) => {
        const found = find(path)
        return found === null ? file.written(path) : found.from.source.written(found.path)
      },
    }
  }
}

function keyOf(path: Path): string {
  return path.join('\0')
}
