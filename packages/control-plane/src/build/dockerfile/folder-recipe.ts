import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { PandoError, type BuildSpec } from '@pando/model'
import { generateDockerfile } from './generated.js'

/** The Dockerfile that Pando writes for `folder`; null when it has one of its own. Throws `build_failed`. */
export function recipeFor(spec: BuildSpec, service: string, folder: string): string | null {
  if (spec.kind === 'dockerfile') return null
  const at = (path: string): string => join(folder, path)
  const isFile = (path: string): boolean => statSync(at(path), { throwIfNoEntry: false })?.isFile() === true
  const fail = (message: string, hint: string): PandoError =>
    new PandoError('build_failed', `service ${service}: ${message}`, { hint })
  const recipe = generateDockerfile(spec.kind, {
    service,
    folder: {
      has: isFile,
      text: (path) => (isFile(path) ? readFileSync(at(path), 'utf8') : null),
      names: (path) =>
        statSync(at(path), { throwIfNoEntry: false }) === undefined ? [] : readdirSync(at(path)).sort(),
    },
    ...(spec.base === undefined ? {} : { base: spec.base }),
    ...(spec.runtime === undefined ? {} : { runtime: spec.runtime }),
    fail,
  })
  if (recipe === null) throw fail('there is nothing to make an image of', 'write a Dockerfile, or "build.kind"')
  return recipe
}
