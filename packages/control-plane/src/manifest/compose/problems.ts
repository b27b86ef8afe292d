import type { Diagnostic } from '@pando/model'
import { suggest } from '../nearest.js'
import type { KeyFate } from './keys.js'
import type { Written } from './written.js'

/** What there is to say of a Compose file: mistakes keep the app from starting, warnings do not. */
export class Problems {
  constructor(
    readonly report: (diagnostic: Diagnostic) => void,
    readonly warn: (diagnostic: Diagnostic) => void,
  ) {}

  refuse(at: Written, message: string, hint?: string, part: 'key' | 'value' = 'value'): void {
    this.report(at.source.mistake(at.path, part, message, hint))
  }

  note(at: Written, message: string, hint?: string, part: 'key' | 'value' = 'value'): void {
    this.warn(at.source.mistake(at.path, part, message, hint))
  }

  /** Says of every key of a map that has no effect that it has none; `x-` is the user's own. */
  checkKeys(map: Written, fates: Readonly<Record<string, KeyFate>>): void {
    for (const [key, value] of map.entries()) {
      if (key.startsWith('x-')) continue
      const fate = Object.hasOwn(fates, key) ? fates[key] : undefined
      if (fate === undefined) {
        this.refuse(value, `unknown key "${key}"`, suggest(key, Object.keys(fates)), 'key')
      } else if (fate.fate === 'refused' && !isOff(value.value)) {
        this.refuse(value, `"${key}" is not honoured, and without it the program would run otherwise`, fate.note, 'key')
      } else if (fate.fate === 'warned' && value.value !== null) {
        this.note(value, `"${key}" has no effect`, fate.note, 'key')
      }
    }
  }

  /** A list, or one text alone. */
  textsOf(at: Written | undefined, what: string): Written[] {
    if (at === undefined) return []
    if (at.isScalar) return [at]
    if (at.isList) return at.items().filter((item) => item.isScalar || this.#wrong(item, what))
    this.#wrong(at, `${what} or a list of those`)
    return []
  }

  /** A map, or a list of NAME=value. The value is null where only a name is written. */
  pairsOf(at: Written | undefined, separator = '='): { name: string; value: string | null; at: Written }[] {
    if (at === undefined) return []
    if (at.isMap) {
      return at.entries().flatMap(([name, value]) => {
        if (value.value !== null && !value.isScalar && !this.#wrong(value, 'text')) return []
        return [{ name, value: value.value === null ? null : value.text, at: value }]
      })
    }
    return this.textsOf(at, `a map, or a list of NAME${separator}value`).map((item) => {
      const index = item.text.indexOf(separator)
      if (index === -1) return { name: item.text, value: null, at: item }
      return { name: item.text.slice(0, index), value: item.text.slice(index + 1), at: item }
    })
  }

  isTrue(at: Written | undefined): boolean {
    if (at === undefined) return false
    if (at.value === true || at.value === 'true') return true
    if (at.value !== false && at.value !== 'false') this.#wrong(at, 'true or false')
    return false
  }

  #wrong(at: Written, what: string): false {
    this.refuse(at, `expected ${what}, got ${at.description}`)
    return false
  }
}

/** Said, and with no effect by Compose's own words. */
function isOff(value: unknown): boolean {
  if (value === null || value === false || value === 'false' || value === '') return true
  return typeof value === 'object' && Object.keys(value as object).length === 0
}
