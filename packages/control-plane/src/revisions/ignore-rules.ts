/** Whether a path, relative to the folder with `/` between its parts, is left out. */
export type IgnoreRules = (path: string, isFolder: boolean) => boolean

/**
 * Patterns as in a .gitignore (https://git-scm.com/docs/gitignore): the last one that matches decides, `!` takes a path in again, a
 * `/` at the beginning or in the middle ties a pattern to the folder itself, one at the end means folders only, `**` spans folders.
 */
export function ignoreRules(patterns: readonly string[]): IgnoreRules {
  const rules = patterns.map(parse).filter((rule) => rule !== null)
  return (path, isFolder) => {
    let isIgnored = false
    for (const rule of rules) {
      if (rule.isForFolders && !isFolder) continue
      if (rule.matches.test(path)) isIgnored = !rule.isNegated
    }
    return isIgnored
  }
}

interface Rule {
  readonly matches: RegExp
  readonly isNegated: boolean
  readonly isForFolders: boolean
}

function parse(written: string): Rule | null {
  let text = written.trimEnd()
  if (text === '' || text.startsWith('#')) return null
  const isNegated = text.startsWith('!')
  if (isNegated) text = text.slice(1)
  const isForFolders = text.endsWith('/')
  if (isForFolders) text = text.slice(0, -1)
  const isTied = text.includes('/')
  if (text.startsWith('/')) text = text.slice(1)
  if (text === '') return null
  return { matches: new RegExp(`^${isTied ? '' : '(?:.*/)?'}${expressionOf(text)}$`, 's'), isNegated, isForFolders }
}

function expressionOf(glob: string): string {
  return glob.replace(/\*\*\/|\/\*\*$|\*+|\?|\[!?[^\]/]+\]|[\\^$.|+(){}[\]]/g, (part) => {
    if (part === '**/') return '(?:.*/)?'
    if (part === '/**') return '/.*'
    if (part.startsWith('*')) return '[^/]*'
    if (part === '?') return '[^/]'
    if (part.length > 1) return part.replace(/^\[!/, '[^').replaceAll('\\', '\\\\')
    return `\\${part}`
  })
}
