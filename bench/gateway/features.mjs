// What each option of a route adds to a request's cost: `features.mjs [--rounds N] [--seconds N] [--only NAME,…]`, after a build.
// One gateway a feature, all at once and measured in turn, on one core; the differences to the plain one are what counts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { features, root } from './feature-list.mjs'
import { load, scenarios } from './load.mjs'
import { answers, freePort, startPinned, stopAll } from './processes.mjs'
import { gatewayEntry, routingTable, upstreamCommand } from './proxies.mjs'
import { cpu, measure, median } from './rounds.mjs'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    only: { type: 'string' },
  },
})
const folder = mkdtempSync(join(tmpdir(), 'pando-features-'))
const settings = {
  scenario: scenarios[0],
  rounds: Number(values.rounds),
  seconds: Number(values.seconds),
  connections: 64,
  core: 1,
  folder,
}

try {
  const upstream = await freePort()
  await startPinned({
    name: 'the service',
    core: 1,
    command: upstreamCommand({ port: upstream, folder }),
    logFile: join(folder, 'upstream.log'),
    ready: () => answers(`http://127.0.0.1:${upstream}/small`),
  })
  const contestants = []
  for (const [name, feature] of Object.entries(features)) {
    if (name !== 'plain' && values.only !== undefined && !values.only.split(',').includes(name)) continue
    contestants.push(await start(name, feature, upstream))
  }
  for (const { port } of contestants) await load({ ...settings, port })
  const samples = await measure({ ...settings, contestants, onSample: () => {} })
  const plain = samples.get('plain')
  for (const [name, list] of samples) {
    const added = median(list.map((sample, round) => cpu(sample) - cpu(plain[round])))
    const errors = list.reduce((sum, sample) => sum + sample.errors, 0)
    console.log(
      `${name.padEnd(30)} ${median(list.map(cpu)).toFixed(1)} µs, ${added.toFixed(1)} added, ${errors} errors`,
    )
  }
} finally {
  stopAll()
  rmSync(folder, { recursive: true, force: true })
}

async function start(name, feature, upstream) {
  const port = await freePort()
  const file = join(folder, `${name.replaceAll(/\W/g, '-')}.json`)
  writeFileSync(file, JSON.stringify(await routingTable(root, port, upstream, feature)))
  const pid = await startPinned({
    name,
    core: 0,
    command: [process.execPath, join(root, gatewayEntry), '--table', file, '--workers', '1'],
    logFile: `${file}.log`,
    ready: () => answers(`http://127.0.0.1:${port}/small`),
  })
  return { name, pid, port }
}
