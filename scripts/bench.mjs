// `npm run bench`: builds the product, installs the peers into bench/, names what the system lacks, and measures
// the gateway. `npm run bench -- registry [endpoints] [watchers] [changes]` measures the registry instead,
// `npm run bench -- scale-from-zero [rounds]` the first request to a service that sleeps, `npm run bench -- idle [connections]` what waits.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { requireNode } from './node-version.mjs'

requireNode()
const { ensureInstalled, install } = await import('./install.mjs')
const { build } = await import('./compile.mjs')
const { root, run } = await import('./run.mjs')

const [target, ...rest] = process.argv.slice(2)
if (target === 'registry' || target === 'scale-from-zero' || target === 'idle') {
  await ensureInstalled()
  if ((await build()) !== 0) process.exit(1)
  process.exit(await run(process.execPath, [join(root, `bench/${target}.mjs`), ...rest]))
}

const lacking = ['wrk', 'nginx', 'haproxy', 'taskset'].filter(
  (tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0,
)
if (lacking.length > 0)
  console.log(`Not here: ${lacking.join(', ')} (Debian: apt-get install wrk nginx haproxy util-linux).`)
const needed = lacking.filter((tool) => tool !== 'haproxy')
if (needed.length > 0) {
  console.error(`Without ${needed.join(' and ')} there is nothing to measure with.`)
  process.exit(1)
}

await ensureInstalled()
if ((await build()) !== 0) process.exit(1)
if (!(await install(join(root, 'bench'), "the benchmark's peers"))) console.log('Going on without the peers from npm.')
process.exitCode = await run(process.execPath, [join(root, 'bench/gateway/main.mjs'), ...process.argv.slice(2)])
