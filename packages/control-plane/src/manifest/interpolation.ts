/**
 * `${NAME}` in the manifest, after Compose (https://docs.docker.com/reference/compose-file/interpolation/):
 *
 *   $NAME ${NAME}       the value; a name that is not set is a mistake
 *   ${NAME:-word}       word when NAME is unset or empty; ${NAME-word} only when it is unset
 *   ${NAME:?message}    a mistake with that message when NAME is unset or empty; ${NAME?message} only when it is unset
 *   ${NAME:+word}       word when NAME is set and not empty, else nothing; ${NAME+word} when it is set
 *   $$                  a dollar sign
 *
 * Words may hold further `${...}`. Values are not read again. In commands the shell comes after us, so there (`mode: 'command'`)
 * a bare `$NAME` stays as it is, and so does `${NAME}` when the program's environment will hold that name, and everything
 * that is only the shell's, such as `$(date)`, `$1` and `${NAME%.*}`.
 */
export interface Interpolation {
  readonly variables: Readonly<Record<string, string | undefined>>
  readonly mode: 'value' | 'command'
  /** Names that the program's environment will hold; left to the shell in commands, and worth a hint elsewhere. */
  readonly isGiven: (name: string) => boolean
  /** Present: a name that is not set is told here, and stands for nothing, as in Compose; absent: it is a mistake. */
  readonly onUnset?: (name: string, snippet: string) => void
}

export interface InterpolationMistake {
  /** The text that is wrong, as written. */
  readonly snippet: string
  readonly message: string
  readonly hint?: string
}

export interface Interpolated {
  readonly text: string
  /** Names whose value was taken or asked for, and that are set. */
  readonly used: ReadonlySet<string>
  readonly mistakes: readonly InterpolationMistake[]
}

const deepest = 20
const namePattern = /[A-Za-z_][A-Za-z0-9_]*/y

export function interpolate(text: string, options: Interpolation): Interpolated {
  const used = new Set<string>()
  const mistakes: InterpolationMistake[] = []
  if (!text.includes('$')) return { text, used, mistakes }

  const valueOf = (name: string): string | undefined => {
    const value = Object.hasOwn(options.variables, name) ? options.variables[name] : undefined
    if (value !== undefined) used.add(name)
    return value
  }
  const missing = (name: string, snippet: string): string => {
    if (options.onUnset !== undefined) {
      options.onUnset(name, snippet)
      return ''
    }
    mistakes.push({ snippet, message: `the variable ${name} is not set`, hint: missingHint(name, options) })
    return ''
  }

  const expand = (source: string, depth: number): string => {
    let out = ''
    let at = 0
    while (at < source.length) {
      const dollar = source.indexOf('$', at)
      if (dollar === -1) return out + source.slice(at)
      out += source.slice(at, dollar)
      const next = source[dollar + 1]
      if (next === '$') {
        out += '$'
        at = dollar + 2
      } else if (next === '{') {
        const close = closingBrace(source, dollar + 2)
        const snippet = source.slice(dollar, close === -1 ? source.length : close + 1)
        out += close === -1 ? unclosed(snippet) : braces(snippet, depth)
        at = dollar + snippet.length
      } else {
        const name = nameAt(source, dollar + 1)
        const snippet = `$${name}`
        if (options.mode === 'command') out += snippet
        else if (name === '') out += lone(source.slice(dollar, dollar + 2))
        else out += valueOf(name) ?? missing(name, snippet)
        at = dollar + snippet.length
      }
    }
    return out
  }

  const unclosed = (snippet: string): string => {
    mistakes.push({
      snippet: snippet.slice(0, 20),
      message: 'a ${ is never closed by }',
      hint: 'write $${ for the characters themselves',
    })
    return ''
  }

  const lone = (snippet: string): string => {
    mistakes.push({
      snippet,
      message: 'a single $ begins a variable, and no name follows',
      hint: 'write $$ for a dollar sign',
    })
    return ''
  }

  const braces = (snippet: string, depth: number): string => {
    const inside = snippet.slice(2, -1)
    const name = nameAt(inside, 0)
    const [, operator, word] = /^(:?[-?+]|$)(.*)$/s.exec(inside.slice(name.length)) ?? []
    if (name === '' || operator === undefined || word === undefined) {
      if (options.mode === 'command') return snippet
      mistakes.push({
        snippet,
        message: `${snippet.slice(0, 40)} is not a variable that can be read here`,
        hint: 'write ${NAME}, ${NAME:-default} or ${NAME:?message}, or $${ for the characters themselves',
      })
      return ''
    }
    if (options.mode === 'command' && options.isGiven(name)) return snippet
    if (depth >= deepest) {
      mistakes.push({ snippet, message: `variables are nested more than ${deepest} deep` })
      return ''
    }
    const value = valueOf(name)
    const isThere = operator.startsWith(':') ? value !== undefined && value !== '' : value !== undefined
    if (operator === '') return value ?? missing(name, snippet)
    if (operator.endsWith('+')) return isThere ? expand(word, depth + 1) : ''
    if (isThere) return value ?? ''
    if (operator.endsWith('-')) return expand(word, depth + 1)
    const why = expand(word, depth + 1)
    mistakes.push({
      snippet,
      message: why === '' ? `the variable ${name} is not set` : `the variable ${name} is required: ${why}`,
      hint: `set ${name} in the environment of the command`,
    })
    return ''
  }

  return { text: expand(text, 0), used, mistakes }
}

/** Text that `interpolate` turns back into `text`. */
export function escapeInterpolation(text: string, mode: Interpolation['mode']): string {
  return mode === 'value' ? text.replaceAll('$', '$$$$') : text.replaceAll(/\$(?=[{$])/g, '$$$$')
}

function missingHint(name: string, options: Interpolation): string {
  if (options.mode === 'command') {
    return `in a command, write $${name} to leave it to the shell; otherwise set ${name}, or give a default: \${${name}:-...}`
  }
  if (options.isGiven(name)) {
    return `${name} is only known when the program starts: use it in the command, or write $$${name} for the characters themselves`
  }
  return `set ${name}, or give a default: \${${name}:-...}`
}

function nameAt(source: string, index: number): string {
  namePattern.lastIndex = index
  return namePattern.exec(source)?.[0] ?? ''
}

/** Index of the `}` that closes a `${` whose inside begins at `from`, or -1. */
function closingBrace(source: string, from: number): number {
  let depth = 1
  for (let index = from; index < source.length; index++) {
    if (source[index] === '}') {
      depth--
      if (depth === 0) return index
    } else if (source[index] === '$' && source[index + 1] === '{') {
      depth++
      index++
    }
  }
  return -1
}
