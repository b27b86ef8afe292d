import type { Diagnostic } from '@pando/model'
import { basename, dirname, join, resolve } from 'node:path'
import { parseEnvironmentFile } from '../environment-file.js'
import type { Facts } from '../facts.js'
import type { Interpolation } from '../interpolation.js'

/** Whether a file is Compose's by its name: compose.yaml, docker-compose.yml, compose.prod.yaml. */
export function isComposeFile(path: string): boolean {
  return /^(docker-)?compose([.-][\w.-]+)?\.ya?ml$/.test(basename(path))
}

/** What is said in a `.env` beside the file, under what the caller's environment says, which has the last word. */
export function composeVariables(
  path: string,
  variables: Interpolation['variables'],
  options: { readonly facts: Facts; readonly report: (diagnostic: Diagnostic) => void },
): Interpolation['variables'] {
  const file = join(dirname(path), '.env')
  const fact = options.facts.file(file)
  if (fact?.kind !== 'text') return variables
  const { values, mistakes } = parseEnvironmentFile(fact.text, variables)
  for (const { hint, ...wrong } of mistakes) {
    options.report({ file, path: '', ...wrong, ...(hint === undefined ? {} : { hint }) })
  }
  return { ...values, ...variables }
}

const filesVariable = 'COMPOSE_FILE'

export interface LaidOver {
  /** Absolute. */
  readonly paths: readonly string[]
  /** The variable that names them; null when they are found by their names. */
  readonly variable: string | null
}

/**
 * The files that are laid over the first, in order: those that COMPOSE_FILE names after it, else `compose.override.yaml` beside it, if there
 * is one. A COMPOSE_FILE that names this file alone says that there is none.
 */
export function filesOver(path: string, variables: Interpolation['variables'], facts: Facts): LaidOver {
  const names = (variables[filesVariable] ?? '').split(':').filter((name) => name !== '')
  const [first, ...rest] = names.map((name) => resolve(dirname(path), name))
  if (first === path) return { paths: rest, variable: filesVariable }
  const [, stem, ending] = /^((?:docker-)?compose)\.(ya?ml)$/.exec(basename(path)) ?? []
  if (stem === undefined) return { paths: [], variable: null }
  const beside = [`${stem}.override.${ending}`, `${stem}.override.yaml`, `${stem}.override.yml`]
  const paths = [...new Set(beside)].map((name) => join(dirname(path), name))
  return { paths: paths.filter((each) => facts.file(each)?.kind === 'text').slice(0, 1), variable: null }
}
