import type { Diagnostic } from '@pando/model'
import { basename, dirname, join } from 'node:path'
import { parseEnvironmentFile } from '../environment-file.js'
import type { Facts } from '../facts.js'
import type { Source } from '../source.js'
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

/** Compose lays `compose.override.yaml` over `compose.yaml` by itself; here it is only told of. */
export function warnOfOverride(main: Source, facts: Facts, warn: (diagnostic: Diagnostic) => void): void {
  const [, stem, ending] = /^((?:docker-)?compose)\.(ya?ml)$/.exec(basename(main.file)) ?? []
  if (stem === undefined) return
  for (const name of new Set([`${stem}.override.${ending}`, `${stem}.override.yaml`, `${stem}.override.yml`])) {
    if (facts.file(join(dirname(main.file), name))?.kind !== 'text') continue
    warn(main.mistake([], 'key', `"${name}" beside this file is not read`, 'name what it changes in this file'))
  }
}
