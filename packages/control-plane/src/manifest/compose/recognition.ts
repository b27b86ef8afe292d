import { basename, dirname, join } from 'node:path'
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
  facts: Facts,
): Interpolation['variables'] {
  const fact = facts.file(join(dirname(path), '.env'))
  if (fact?.kind !== 'text') return variables
  return { ...parseEnvironmentFile(fact.text, variables).values, ...variables }
}
