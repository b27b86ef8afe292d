import { dirname, resolve } from 'node:path'
import type { Path, Source } from '../source.js'
import { describe } from '../validation.js'

/** A value of a Compose file, and where it stands. What `extends` brings together comes from several files. */
export class Written {
  readonly #children: ReadonlyMap<string | number, Written> | null

  constructor(
    readonly value: unknown,
    readonly source: Source,
    readonly path: Path,
    children: ReadonlyMap<string | number, Written> | null = null,
  ) {
    this.#children = children
  }

  get isMap(): boolean {
    return this.value !== null && typeof this.value === 'object' && !Array.isArray(this.value)
  }

  get isList(): boolean {
    return Array.isArray(this.value)
  }

  /** A word, a number, true or false. */
  get isScalar(): boolean {
    return this.value !== null && this.value !== undefined && typeof this.value !== 'object'
  }

  /** As it is written, `1.10` rather than the number 1.1. */
  get text(): string {
    return this.source.written(this.path) ?? String(this.value)
  }

  /** As its reader would call it. */
  get description(): string {
    return describe(this.value)
  }

  /** Undefined when nothing, or null, is written there. */
  get(key: string): Written | undefined {
    return this.entries().find(([name, child]) => name === key && child.value !== null)?.[1]
  }

  entries(): [string, Written][] {
    if (!this.isMap) return []
    return Object.entries(this.value as Record<string, unknown>).map(([key, value]) => [key, this.#child(key, value)])
  }

  items(): Written[] {
    if (!Array.isArray(this.value)) return []
    return (this.value as unknown[]).map((value, index) => this.#child(index, value))
  }

  /** A path, seen from the folder of the file that it is written in, or of the first where several are laid over each other. */
  pathOf(text: string): string {
    return resolve(this.source.folder ?? dirname(this.source.file), text)
  }

  #child(key: string | number, value: unknown): Written {
    return this.#children?.get(key) ?? new Written(value, this.source, [...this.path, key])
  }

  /** A map or list of values that come from several places. */
  static of(children: ReadonlyMap<string | number, Written>, place: Written): Written {
    const isList = [...children.keys()].every((key) => typeof key === 'number') && children.size > 0
    const value = isList
      ? Array.from(children.values(), (child) => child.value)
      : Object.fromEntries(Array.from(children, ([key, child]) => [key, child.value]))
    return new Written(value, place.source, place.path, children)
  }
}
