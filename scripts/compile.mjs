import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { root, runTool } from './run.mjs'

/** Compiles what has changed (`tsc -b` keeps track) and resolves with the compiler's exit code. */
export function build() {
  if (!existsSync(join(root, 'packages/cli/dist/index.js')))
    console.log('Building Pando (some seconds, the first time only) …')
  return runTool('tsc', ['-b'])
}
