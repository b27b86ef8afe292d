import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BuildSpec } from '@pando/model'
import { ignoreRules, type IgnoreRules } from './ignore-rules.js'

/** No part of any program: version control, our own state, caches, and what editors leave. */
const never =
  '.git .hg .svn .pando/ __pycache__ .pytest_cache .mypy_cache .ruff_cache coverage/ .cache/ .turbo/ .parcel-cache/ .idea/ .vscode/ .DS_Store *.pyc *.swp *~'.split(
    ' ',
  )

/** Folders of dependencies: fetched, not written. */
export const dependencyFolders = ['node_modules', '.venv', 'venv'] as const

/**
 * What of a service's folder is no source. What a build makes is left out only where a build makes it: a `dist` that nothing here
 * builds is what runs. The manifest's own `build.ignore` comes last and so has the last word.
 */
export async function sourceRules(build: BuildSpec): Promise<IgnoreRules> {
  return ignoreRules([
    ...never,
    ...dependencyFolders.map((name) => `${name}/`),
    ...(await outputsOf(build)).map((name) => `/${name}/`),
    ...(build.ignore ?? []),
  ])
}

async function outputsOf({ kind, command, context }: BuildSpec): Promise<string[]> {
  if (command !== null) return ['dist', 'target']
  if (kind === 'rust' || kind === 'java-maven') return ['target']
  return kind === 'node' && (await hasBuildScript(context)) ? ['dist', '.next', '.nuxt'] : []
}

async function hasBuildScript(folder: string): Promise<boolean> {
  try {
    const file = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { scripts?: { build?: unknown } }
    return typeof file.scripts?.build === 'string'
  } catch {
    return false
  }
}
