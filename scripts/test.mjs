// `npm test`: installs and builds what is missing, checks the tests' types, runs every suite (arguments narrow it as vitest's do),
// says what had to be left out, and ends with one line of counts.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { requireNode } from './node-version.mjs'

requireNode()
const { ensureInstalled } = await import('./install.mjs')
const { build } = await import('./compile.mjs')
const { root, runTool } = await import('./run.mjs')
const { missingTools } = await import('./system.mjs')
const { summarize } = await import('./test-summary.mjs')

await ensureInstalled()
if ((await build()) !== 0) {
  console.error('The build failed, so no test was run.')
  console.log('0 passed, 1 failed')
  process.exit(1)
}

const troubles = []
if ((await runTool('tsc', ['-p', 'tsconfig.tests.json'])) !== 0) troubles.push('the type check of the tests failed')

const scratch = mkdtempSync(join(tmpdir(), 'pando-test-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))
const report = join(scratch, 'report.json')
const args = process.argv.slice(2)
const code = await runTool('vitest', [
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
  ...args,
])

let result = null
try {
  result = JSON.parse(readFileSync(report, 'utf8'))
} catch {
  troubles.push(`vitest ended with code ${code} and left no report`)
}

const summary = summarize(result, code, root)
troubles.push(...summary.troubles)
const missing = missingTools()
if (missing.length > 0 || summary.skipped.length > 0) {
  console.log('\nLeft out:')
  for (const tool of missing) console.log(`  - ${tool.name} is not here: ${tool.affects} (${tool.remedy})`)
  for (const name of summary.skipped.slice(0, 30)) console.log(`  - skipped: ${name}`)
  if (summary.skipped.length > 30) console.log(`  - and ${summary.skipped.length - 30} more`)
}
for (const trouble of troubles) console.error(`Failed outside any test: ${trouble}.`)

const failed = summary.failed + troubles.length
const skipped = summary.skipped.length > 0 ? `, ${summary.skipped.length} skipped` : ''
console.log(`${summary.passed} passed, ${failed} failed${skipped}`)
process.exit(failed === 0 ? 0 : 1)
