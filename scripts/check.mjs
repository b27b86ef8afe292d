// `npm run check`: format, lint, types, dead code, boundaries. Runs all of them, even when one fails, and names those that did.
import { requireNode } from './node-version.mjs'

requireNode()
const { ensureInstalled } = await import('./install.mjs')
const { runTool } = await import('./run.mjs')

await ensureInstalled()

const steps = [
  ['format', 'oxfmt', ['--check', '.'], 'npm run format'],
  ['lint', 'oxlint', ['--quiet']],
  ['types', 'tsc', ['-b']],
  ['types of the tests', 'tsc', ['-p', 'tsconfig.tests.json']],
  ['dead code and dependencies', 'knip', ['--no-progress']],
  ['boundaries and words', 'vitest', ['run', 'test/house', '--reporter=dot']],
]

const failed = []
for (const [name, tool, args, remedy] of steps) {
  console.log(`── ${name}`)
  if ((await runTool(tool, args)) !== 0)
    failed.push(remedy === undefined ? name : `${name} (mend it with \`${remedy}\`)`)
}
console.log(failed.length === 0 ? 'check: all well' : `check: failed: ${failed.join(', ')}`)
process.exit(failed.length === 0 ? 0 : 1)
