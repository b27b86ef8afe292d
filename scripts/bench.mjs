// `npm run bench`: builds the product, names what the system lacks, and measures the gateway beside its peers, which are installed into
// bench/. `npm run bench -- features|idle|registry|scale-from-zero` measures something else: see docs/benchmarks/README.md.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { requireNode } from './node-version.mjs'

requireNode()
const { ensureInstalled, install } = await import('./install.mjs')
const { build } = await import('./compile.mjs')
const { root, run } = await import('./run.mjs')

const tools = ['wrk', 'nginx', 'haproxy', 'taskset']
/** By its name: the program, and what it runs, without which it can do nothing; `haproxy` is left out where it is not there. */
const targets = {
  features: { file: 'gateway/features.mjs', tools: [...tools, 'h2load', 'openssl'] },
  idle: { file: 'gateway/idle.mjs', tools: ['nginx', 'haproxy', 'taskset', 'openssl'] },
  registry: { file: 'registry.mjs', tools: [] },
  'scale-from-zero': { file: 'scale-from-zero.mjs', tools: [] },
}
const gateway = { file: 'gateway/main.mjs', tools, hasPeers: true }

const args = process.argv.slice(2)
const named = Object.hasOwn(targets, args[0] ?? '')
const target = named ? targets[args[0]] : gateway

requireTools(target.tools)
await ensureInstalled()
if ((await build()) !== 0) process.exit(1)
if (target.hasPeers === true && !(await install(join(root, 'bench'), "the benchmark's peers"))) {
  console.log('Going on without the peers from npm.')
}
process.exitCode = await run(process.execPath, [join(root, 'bench', target.file), ...(named ? args.slice(1) : args)])

function requireTools(wanted) {
  const lacking = wanted.filter((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0)
  if (lacking.length === 0) return
  console.log(
    `Not here: ${lacking.join(', ')} (Debian: apt-get install wrk nginx haproxy nghttp2-client openssl util-linux).`,
  )
  const needed = lacking.filter((tool) => tool !== 'haproxy')
  if (needed.length === 0) return
  console.error(`Without ${needed.join(' and ')} there is nothing to measure with.`)
  process.exit(1)
}
