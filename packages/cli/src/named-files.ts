import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Context, GlobalOptions } from './context.js'

/**
 * `-f`, once or again: the first is the manifest, and the others are Compose files that are laid over it. Whoever reads it is told so by
 * COMPOSE_FILE, as Compose itself; one file alone says that none lies over it.
 */
export function withNamedFiles(
  context: Context,
  { file: files, ...options }: Omit<GlobalOptions, 'file' | 'over'> & { readonly file?: readonly string[] },
): { readonly context: Context; readonly options: GlobalOptions } {
  const [file, ...over] = files ?? []
  if (file === undefined) return { context, options }
  const named = { ...options, file, over }
  if (statSync(resolve(context.cwd, file), { throwIfNoEntry: false })?.isDirectory() === true && over.length === 0) {
    return { context, options: named }
  }
  const names = [file, ...over].map((name) => resolve(context.cwd, name)).join(':')
  return { context: { ...context, env: { ...context.env, COMPOSE_FILE: names } }, options: named }
}
