import { type HeaderEdit, whyFixed } from '@pando/model'
import { fieldName } from '../http1/field-name.js'
import { isName } from './conditions.js'

const dateName = Buffer.from('date')

/** One route's edit of a head, ready to be done on bytes: lines to leave out and lines to write behind the rest. */
export class CompiledEdit {
  /** Lower-case names of the lines to leave out. */
  readonly dropped: readonly Uint8Array[]
  /** `Name: value\r\n`, one behind the other. */
  readonly lines: Uint8Array
  /** It says what becomes of Date: then the gateway adds none. */
  readonly hasDate: boolean
  /** Bit n: some dropped name has n bytes (31: or more), so that most lines are told apart by their length alone. */
  readonly #lengths: number
  /** Most edits are never asked for it. */
  #fields: ReadonlySet<string> | null = null
  #joined: WeakMap<CompiledEdit, CompiledEdit> | null = null

  constructor(dropped: readonly Uint8Array[], lines: Uint8Array) {
    this.dropped = dropped
    this.lines = lines
    this.hasDate = dropped.some((name) => isName(name, dateName, 0, dateName.length))
    this.#lengths = dropped.reduce((mask, name) => mask | (1 << Math.min(31, name.length)), 0)
  }

  drops(bytes: Uint8Array, start: number, end: number): boolean {
    if ((this.#lengths & (1 << Math.min(31, end - start))) === 0) return false
    for (let index = 0; index < this.dropped.length; index++) {
      if (isName(this.dropped[index], bytes, start, end)) return true
    }
    return false
  }

  /** Whether it leaves out lines of a field, by its `fieldName`: as trailers are told apart, so that `_` is no way past it. */
  dropsField(name: string): boolean {
    this.#fields ??= new Set(this.dropped.map((bytes) => fieldName(bytes, 0, bytes.length)))
    return this.#fields.has(name)
  }

  /** What it leaves of lines, `Name: value\r\n` each. */
  leave(lines: Uint8Array): Uint8Array {
    const kept: Uint8Array[] = []
    for (let at = 0; at < lines.length;) {
      const end = lines.indexOf(0x0a, at) + 1
      if (!this.drops(lines, at, lines.indexOf(0x3a, at))) kept.push(lines.subarray(at, end))
      at = end
    }
    return Buffer.concat(kept)
  }

  /** Both, this one first; of two that come together again and again, made once. */
  followedBy(second: CompiledEdit): CompiledEdit {
    this.#joined ??= new WeakMap()
    const known = this.#joined.get(second)
    if (known !== undefined) return known
    const joined = join(this, second)
    this.#joined.set(second, joined)
    return joined
  }
}

/** Both, one after the other; null when there is none. */
export function mergeEdits(first: CompiledEdit | null, second: CompiledEdit | null): CompiledEdit | null {
  if (first === null) return second
  if (second === null) return first
  return join(first, second)
}

function join(first: CompiledEdit, second: CompiledEdit): CompiledEdit {
  const lines = Buffer.concat([second.leave(first.lines), second.lines])
  return new CompiledEdit([...first.dropped, ...second.dropped], lines)
}

/** All edits of one side in their order (each: remove, set, add), as one; null when they do nothing. What cannot be done goes to `problems`. */
export function compileEdits(
  edits: readonly HeaderEdit[],
  side: 'request' | 'response',
  problems: string[],
): CompiledEdit | null {
  const isEditable = (name: string, value: string): boolean => {
    const reason = whyNot(name, value, side)
    if (reason !== null) problems.push(reason)
    return reason === null
  }
  const dropped = new Set<string>()
  const lines = new Map<string, string[]>()
  for (const edit of edits) {
    for (const name of edit.remove) {
      if (!isEditable(name, '')) continue
      dropped.add(name.toLowerCase())
      lines.delete(name.toLowerCase())
    }
    for (const [name, value] of Object.entries(edit.set)) {
      if (!isEditable(name, value)) continue
      dropped.add(name.toLowerCase())
      lines.set(name.toLowerCase(), [`${name}: ${value}\r\n`])
    }
    for (const [name, value] of Object.entries(edit.add)) {
      if (!isEditable(name, value)) continue
      const key = name.toLowerCase()
      lines.set(key, [...(lines.get(key) ?? []), `${name}: ${value}\r\n`])
    }
  }
  if (dropped.size === 0 && lines.size === 0) return null
  return new CompiledEdit(
    [...dropped].map((name) => Buffer.from(name)),
    Buffer.from([...lines.values()].flat().join('')),
  )
}

/** Why the edit cannot be done, null when it can. */
function whyNot(name: string, value: string, side: 'request' | 'response'): string | null {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) {
    return `header ${JSON.stringify(name)} is left as it is: that is no header name`
  }
  const fixed = whyFixed(name, side)
  if (fixed !== null) return `header ${name} is left as it is: ${fixed}`
  // oxlint-disable-next-line no-control-regex -- control characters are what must not get through.
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value)) {
    return `header ${name} is left as it is: the value has control characters`
  }
  return null
}
