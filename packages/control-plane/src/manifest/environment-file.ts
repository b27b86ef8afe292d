import { interpolate, type Interpolation } from './interpolation.js'
import { variablePattern } from './schema-values.js'

export interface EnvironmentFile {
  readonly values: Readonly<Record<string, string>>
  readonly used: ReadonlySet<string>
  readonly mistakes: readonly {
    readonly line: number
    readonly column: number
    readonly message: string
    readonly hint?: string
  }[]
}

/**
 * Lines of `NAME=value`, after Compose (https://docs.docker.com/reference/compose-file/services/#env_file-format): `#` begins a comment
 * at the start of a line or after white space, `export` before a name is allowed, text in single quotes is taken as it is, text in
 * double quotes knows \n, \r, \t, \" and \\. `${NAME}` works but in single quotes, and may name an earlier line. Values are one line.
 */
export function parseEnvironmentFile(text: string, variables: Interpolation['variables']): EnvironmentFile {
  const values: Record<string, string> = {}
  const used = new Set<string>()
  const mistakes: EnvironmentFile['mistakes'][number][] = []
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = index + 1
    if (/^\s*(#|$)/.test(raw)) continue
    const [, before = '', name = '', rest] = /^(\s*(?:export\s+)?)([^=\s]+)\s*(?:=\s*(.*))?$/.exec(raw) ?? []
    const column = before.length + 1
    if (!variablePattern.test(name) || name === '__proto__') {
      mistakes.push({ line, column, message: 'expected NAME=value', hint: 'names have letters, digits and _' })
      continue
    }
    if (rest === undefined) {
      // A bare name hands the variable on, as under `environment`.
      const value = variables[name]
      if (value !== undefined) {
        values[name] = value
        used.add(name)
      }
      continue
    }
    const content = unquote(rest)
    if (content === null) {
      mistakes.push({
        line,
        column: raw.length - rest.length + 1,
        message: 'a quote is never closed, or text follows it',
      })
      continue
    }
    if (content.isLiteral) {
      values[name] = content.text
      continue
    }
    const known = { ...variables, ...values }
    const result = interpolate(content.text, { variables: known, mode: 'value', isGiven: () => false })
    for (const word of result.used) if (!Object.hasOwn(values, word)) used.add(word)
    for (const { snippet, message } of result.mistakes) {
      const at = raw.indexOf(snippet)
      const hint = 'put the value in single quotes to take it as it is'
      mistakes.push({ line, column: (at === -1 ? 0 : at) + 1, message, hint })
    }
    values[name] = result.text
  }
  return { values, used, mistakes }
}

function unquote(rest: string): { text: string; isLiteral: boolean } | null {
  const single = /^'([^']*)'\s*(?:#.*)?$/.exec(rest)
  if (single !== null) return { text: single[1] ?? '', isLiteral: true }
  const double = /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/.exec(rest)
  if (double !== null) {
    const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' }
    return {
      text: (double[1] ?? '').replaceAll(/\\(.)/g, (_, char: string) => escapes[char] ?? char),
      isLiteral: false,
    }
  }
  if (rest.startsWith("'") || rest.startsWith('"')) return null
  return { text: rest.replace(/(^|\s)#.*$/, '').trimEnd(), isLiteral: false }
}
