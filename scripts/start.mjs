// `npm start`: installs and builds what is missing, then is `pando up` on the shop. What follows `--` goes to `pando up`.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { requireNode } from './node-version.mjs'

requireNode()
const { ensureInstalled } = await import('./install.mjs')
const { build } = await import('./compile.mjs')
const { root } = await import('./run.mjs')

await ensureInstalled()
if ((await build()) !== 0) {
  console.error('The build failed: what the compiler says is above.')
  process.exit(1)
}

const cli = join(root, 'packages/cli/dist/main.js')
if (!existsSync(cli)) {
  console.error(`${cli} is not there although the build succeeded. Run \`npx tsc -b --force\` and try again.`)
  process.exit(1)
}
const args = process.argv.slice(2)
const namesFile = args.some((arg) => /^(-f|--file)/.test(arg))
if (!namesFile) process.chdir(root)
const manifest = 'examples/shop/pando.yaml'
process.argv = [process.execPath, cli, 'up', ...(namesFile ? [] : ['-f', manifest]), ...args]
// The CLI runs in this very process: signals, the terminal and the exit code are its own, with nobody between to leave behind.
await import(pathToFileURL(cli).href)
