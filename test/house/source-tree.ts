import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

const notOurs = new Set(['node_modules', 'dist', '.git', '.pando', '.venv', '__pycache__', 'coverage', 'target'])

/** Every file of the repository below `folder`, as paths relative to the root; installed and built files are left out. */
export function filesBelow(folder = '.'): string[] {
  const files: string[] = []
  const walk = (path: string): void => {
    for (const entry of readdirSync(join(root, path), { withFileTypes: true })) {
      if (notOurs.has(entry.name)) continue
      const child = path === '.' ? entry.name : `${path}/${entry.name}`
      if (entry.isDirectory()) walk(child)
      else if (entry.isFile()) files.push(child)
    }
  }
  if (existsSync(join(root, folder))) walk(folder)
  return files.toSorted()
}

export function read(file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

export const isTest = (file: string): boolean => /\.(test|suite)\.ts$/.test(file) || file.startsWith('test/')

/** Our own TypeScript: the packages, the tests and the benchmarks. */
export function sourceFiles(): string[] {
  return filesBelow().filter((file) => file.endsWith('.ts') && /^(packages|test|bench)\//.test(file))
}

export interface Import {
  /** As written. */
  readonly specifier: string
  /** The file it means, relative to the root; null when it is a package or a `node:` module. */
  readonly file: string | null
  /** Erased by the compiler: nothing of it is left at run time. */
  readonly isTypeOnly: boolean
}

/**
 * What a file imports. The formatter keeps every static import and re-export at the start of a line, which is what makes
 * these few patterns enough; `parsesImports` in the tests holds them to it.
 */
export function importsOf(file: string, text = read(file)): Import[] {
  const found: Import[] = []
  const add = (specifier: string | undefined, isTypeOnly: boolean): void => {
    if (specifier === undefined) return
    found.push({ specifier, file: specifier.startsWith('.') ? resolveRelative(file, specifier) : null, isTypeOnly })
  }
  for (const match of text.matchAll(/^import\s+(type\s+)?[\w$*{}\s,]+?\s+from\s+['"]([^'"\n]+)['"]/gm)) {
    add(match[2], match[1] !== undefined)
  }
  for (const match of text.matchAll(
    /^export\s+(type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[\w$\s,]*\})\s+from\s+['"]([^'"\n]+)['"]/gm,
  )) {
    add(match[2], match[1] !== undefined)
  }
  for (const match of text.matchAll(/^import\s+['"]([^'"\n]+)['"]/gm)) add(match[1], false)
  for (const match of text.matchAll(/\bimport\(\s*['"]([^'"\n]+)['"]\s*\)/g)) add(match[1], false)
  // A file that is started as a process or a worker.
  for (const match of text.matchAll(/new URL\(\s*['"](\.[^'"\n]+\.(?:js|ts))['"],\s*import\.meta\.url/g))
    add(match[1], false)
  return found
}

function resolveRelative(file: string, specifier: string): string {
  const target = normalize(join(dirname(file), specifier))
  const source = target.replace(/\.js$/, '.ts')
  return existsSync(join(root, source)) ? source : target
}

/** Depth-first: every file that can be reached from `entries`. */
export function reachableFrom(entries: readonly string[]): Set<string> {
  const seen = new Set<string>()
  const queue = [...entries]
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (seen.has(file) || !file.endsWith('.ts') || !existsSync(join(root, file))) continue
    seen.add(file)
    for (const { file: next } of importsOf(file)) if (next !== null) queue.push(next)
  }
  return seen
}

/** Each cycle once, as the files along it. */
export function cyclesAmong(files: readonly string[], keep: (found: Import) => boolean): string[][] {
  const cycles: string[][] = []
  const done = new Set<string>()
  const path: string[] = []
  const visit = (file: string): void => {
    const at = path.indexOf(file)
    if (at >= 0) {
      cycles.push([...path.slice(at), file])
      return
    }
    if (done.has(file) || !existsSync(join(root, file))) return
    path.push(file)
    for (const found of importsOf(file)) if (found.file !== null && keep(found)) visit(found.file)
    path.pop()
    done.add(file)
  }
  for (const file of files) visit(file)
  return cycles
}
