// The gateway beside its peers. `main.mjs [cost|latency|all] [options]`; see docs/benchmarks/gateway.md for what is measured.
import { parseArgs } from 'node:util'
import { connectionsOf, scenarios } from './load.mjs'
import { proxies, withNode } from './proxies.mjs'
import { costTable, document, latencyTable } from './report.mjs'
import { cpu, measure } from './rounds.mjs'
import {
  loadCore,
  machine,
  root,
  startProxy,
  startService,
  today,
  within,
  withFolder,
  writePage,
} from './workbench.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: {
    rounds: { type: 'string', default: '21' },
    seconds: { type: 'string', default: '1' },
    connections: { type: 'string', default: '64' },
    only: { type: 'string' },
    node: { type: 'string', multiple: true, default: [] },
    scenario: { type: 'string' },
    date: { type: 'string', default: today() },
    write: { type: 'boolean', default: true },
  },
})
const target = positionals[0] ?? 'all'
const options = {
  rounds: within(values, 'rounds', 1, 100),
  seconds: within(values, 'seconds', 1, 30),
  connections: within(values, 'connections', 1, 256),
}

await withFolder(run)

async function run(folder) {
  const { http: upstream } = await startService(folder)
  const { contestants, missing } = await startProxies(folder, upstream)

  const costs = []
  for (const scenario of target === 'latency' ? [] : wantedScenarios()) {
    const able = contestantsOf(scenario, contestants)
    const samples = await measure({ ...settings(folder), contestants: able, onSample: progress(scenario.name) })
    const title = `${scenario.name}, ${connectionsOf(scenario, options.connections)} connections`
    costs.push({ title, text: costTable(samples) })
    console.log(`\n${title}\n${costs.at(-1).text}\n`)
  }

  let latency = ''
  if (target !== 'cost') {
    const [scenario] = scenarios
    const direct = { name: 'direct', pid: null, port: upstream, isNative: true }
    const samples = await measure({
      ...settings(folder),
      contestants: contestantsOf(scenario, [direct, ...contestants]),
      connections: 4,
      onSample: progress('latency'),
    })
    latency = latencyTable(samples)
    console.log(`\nLatency, GET 200 B at 4 connections\n${latency}\n`)
  }

  if (target !== 'all' || values.only !== undefined || values.scenario !== undefined || !values.write) return
  const versions = contestants.map(({ name, version }) => ({ name, version }))
  const page = { date: values.date, machine: machine(), versions, options, costs, latency, missing }
  writePage('gateway.md', document(page))
}

/** All, or those whose names begin as was asked. */
function wantedScenarios() {
  const { scenario = '' } = values
  return scenarios.filter(({ name }) => name.startsWith(scenario))
}

/** Who takes part in it: those of HTTP/2 are asked where they speak it. */
function contestantsOf(scenario, contestants) {
  if (scenario.streams === undefined) return contestants.map((each) => ({ ...each, scenario }))
  return contestants.flatMap((each) => (each.http2Port === null ? [] : [{ ...each, port: each.http2Port, scenario }]))
}

async function startProxies(folder, upstream) {
  const wanted = values.only?.split(',')
  const contestants = []
  const missing = []
  const behindPando = proxies.findIndex(({ key }) => key === 'pando') + 1
  for (const proxy of proxies.toSpliced(behindPando, 0, ...values.node.map(withNode))) {
    if (wanted !== undefined && !wanted.includes(proxy.name)) continue
    const version = proxy.version({ root })
    if (version === null) {
      console.log(`${proxy.name} is not here; going on without it.`)
      missing.push(proxy.name)
      continue
    }
    const started = await startProxy({ proxy, folder, name: proxy.key, upstream })
    await requireFairness(proxy.name, started.port)
    contestants.push({ ...started, name: proxy.name, version, mostRounds: proxy.mostRounds })
  }
  return { contestants, missing }
}

/** What is compared must do the same: both headers reach the service, and its answers come back whole. */
async function requireFairness(name, port) {
  const fetchText = async (path) => (await fetch(`http://127.0.0.1:${port}${path}`)).text()
  const [forwardedFor, requestId] = (await fetchText('/seen')).split('|')
  if (!forwardedFor?.includes('127.0.0.1') || !requestId)
    throw new Error(`${name} does not add the headers that are compared.`)
  const lengths = [(await fetchText('/small')).length, (await fetchText('/ten-kilobytes.txt')).length]
  if (lengths.join() !== '200,10240')
    throw new Error(`${name} answered ${lengths.join(' and ')} bytes for 200 and 10240.`)
}

function settings(folder) {
  const { rounds, seconds, connections } = options
  return { rounds, seconds, connections, core: loadCore, folder }
}

function progress(title) {
  return (name, round, sample) => {
    const cost = sample.user + sample.system > 0 ? `${cpu(sample).toFixed(1)} µs` : `p50 ${sample.p50.toFixed(3)} ms`
    console.log(`${title}  round ${round + 1}/${options.rounds}  ${name}: ${cost}`)
  }
}
