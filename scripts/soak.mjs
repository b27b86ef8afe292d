// `npm run soak`: builds, then rolls, kills and breaks an app under load that counts, for about half an hour. Ends with a table, and
// with code 1 when anything that is promised did not hold. `--short` takes two minutes.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { requireNode } from './node-version.mjs'

requireNode()
const { ensureInstalled } = await import('./install.mjs')
const { build } = await import('./compile.mjs')
const { root, runTool } = await import('./run.mjs')

const usage = `npm run soak -- [--rounds N] [--short] [--minutes N] [--driver process|container|mixed] [--rate N] [--seed N] [--write]
  --rounds N   N deploys, N kills of instances, N/5 kills of the control plane, N/5 bad deploys and some of each other kind;
               default 100
  --short      --rounds 2
  --minutes N  begins nothing new after so long; default 120
  --rate N     requests a second; default 200
  --write      writes the result to docs/benchmarks/soak.md`

function readOptions() {
  const number = { type: 'string' }
  const flag = { type: 'boolean' }
  const options = {
    rounds: number,
    short: flag,
    minutes: number,
    driver: number,
    seed: number,
    rate: number,
    write: flag,
    help: flag,
  }
  const { values } = parseArgs({ options })
  if (values.help) return null
  const rounds = whole('rounds', values.rounds ?? (values.short ? '2' : '100'))
  const driver = values.driver ?? 'process'
  if (!['process', 'container', 'mixed'].includes(driver)) throw new Error('--driver is process, container or mixed')
  return {
    driver,
    rounds,
    rate: whole('rate', values.rate ?? '200'),
    minutes: whole('minutes', values.minutes ?? '120'),
    ...(values.seed === undefined ? {} : { seed: whole('seed', values.seed) }),
    write: values.write ? join(root, 'docs/benchmarks/soak.md') : null,
  }
}

function whole(name, text) {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`--${name} is a whole number from 1 up`)
  return Number(text)
}

let options
try {
  options = readOptions()
} catch (error) {
  console.error(`${error.message}\n${usage}`)
  process.exit(2)
}
if (options === null) {
  console.log(usage)
  process.exit(0)
}

await ensureInstalled()
if ((await build()) !== 0) process.exit(1)
const args = ['run', 'test/faults/soak.test.ts', '--disable-console-intercept']
const code = await runTool('vitest', args, { env: { ...process.env, PANDO_SOAK: JSON.stringify(options) } })
process.exit(code === 0 ? 0 : 1)
