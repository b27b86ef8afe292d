import type { BuildKind } from '@pando/model'
import { goLines, mavenLines, rustLines } from './compiled.js'
import { nodeLines } from './node.js'
import { pythonLines } from './python.js'
import type { RecipeOrder } from './recipe.js'

/** It stands beside the service's own files in what the engine is sent, and is called as none of them. */
export const generatedName = '.pando.Dockerfile'

/** What no image needs of a folder that says nothing itself: it is made anew inside, or is another machine's. */
export const generatedIgnore = [
  '**/node_modules',
  '**/__pycache__',
  '**/*.pyc',
  '**/.venv',
  '**/venv',
  'target',
  '.env',
  '*.log',
].join('\n')

const recipes: Readonly<Record<BuildKind, ((order: RecipeOrder) => string[]) | null>> = {
  node: nodeLines,
  python: pythonLines,
  go: goLines,
  rust: rustLines,
  'java-maven': mavenLines,
  dockerfile: null,
  none: null,
}

/** The Dockerfile of a folder that has none; null for a kind that has no program of its own. The same folder, the same text. */
export function generateDockerfile(kind: BuildKind, order: RecipeOrder): string | null {
  const lines = recipes[kind]?.(order)
  return lines === undefined ? null : `${lines.join('\n')}\n`
}
