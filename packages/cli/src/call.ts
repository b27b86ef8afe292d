import { relative, resolve } from 'node:path'
import type { Context, GlobalOptions } from './context.js'
import { findProject, type Project } from './project.js'

/**
 * How the reader calls `pando` for this app from where they are: `pando`, or with what it takes to be found there,
 * for example `npx pando -f examples/shop/pando.yaml`.
 */
export function callOf(context: Pick<Context, 'env' | 'cwd'>, project: Project, options: GlobalOptions): string {
  const isFromNpm = (context.env['npm_lifecycle_event'] ?? '') !== ''
  // npm changes to its package's folder; INIT_CWD is where the user stood.
  const cwd = (isFromNpm ? context.env['INIT_CWD'] : undefined) ?? context.cwd
  const words = [isFromNpm ? 'npx pando' : 'pando']
  const over = options.over ?? []
  if (over.length > 0 || !isNearest(cwd, project.manifest)) words.push('-f', quoted(shortest(cwd, project.manifest)))
  for (const file of over) words.push('-f', quoted(shortest(cwd, resolve(context.cwd, file))))
  if (options.stateDir !== undefined) words.push('--state-dir', quoted(options.stateDir))
  return words.join(' ')
}

function isNearest(cwd: string, manifest: string): boolean {
  try {
    return findProject(cwd, {}).manifest === manifest
  } catch {
    return false
  }
}

function shortest(cwd: string, path: string): string {
  const fromHere = relative(cwd, path)
  return fromHere.length < path.length ? fromHere : path
}

function quoted(word: string): string {
  return /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
