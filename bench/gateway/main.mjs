// The gateway beside its peers. `main.mjs [cost|latency|all] [options]`; see docs/benchmarks/gateway.md for what is measured.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { connectionsOf, load, scenarios } from './load.mjs'
import { answers, freePort, startPinned, stopAll } from './processes.mjs'
import { proxies, upstreamCommand } from './proxies.mjs'
import { costTable, document, latencyTable } from './report.mjs'
import { cpu, measure } from './rounds.mjs'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const { values, positionals } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: {
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '2' },
    connections: { type: 'string', default: '64' },
    only: { type: 'string' },
    scenario: { type: 'string' },
    date: { type: 'string', default: new Date().toISOString().slice(0, 10) },
    write: { type: 'boolean', default: true },
  },
})
const target = positionals[0] ?? 'all'
const options = {
  rounds: within('rounds', 1, 100),
  seconds: within('seconds', 1, 30),
  connections: within('connections', 1, 256),
  proxyCore: 0,
  loadCore: 1,
}

const loadAtStart = loadavg()[0].toFixed(1)
const folder = mkdtempSync(join(tmpdir(), 'pando-bench-'))
const tidy = () => {
  stopAll()
  rmSync(folder, { recursive: true, force: true })
}
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    tidy()
    process.exit(130)
  })
}

try {
  await run()
} finally {
  tidy()
}

async function run() {
  if (cpus().length < 2) throw new Error('Two cores are needed: one for the proxy, one for the load.')
  const upstream = await freePort()
  await startPinned({
    name: 'the service',
    core: options.loadCore,
    command: upstreamCommand({ port: upstream, folder }),
    logFile: join(folder, 'upstream.log'),
    ready: () => answers(`http://127.0.0.1:${upstream}/small`),
  })
  const { contestants, missing } = await startProxies(upstream)

  const costs = []
  for (const scenario of target === 'latency' ? [] : wantedScenarios()) {
    const able = contestantsOf(scenario, contestants)
    await warmUp(able, scenario)
    const samples = await measure({ ...settings(scenario), contestants: able, onSample: progress(scenario.name) })
    const title = `${scenario.name}, ${connectionsOf(scenario, options.connections)} connections`
    costs.push({ title, text: costTable(samples) })
    console.log(`\n${title}\n${costs.at(-1).text}\n`)
  }

  let latency = ''
  if (target !== 'cost') {
    const [scenario] = scenarios
    if (target === 'latency') await warmUp(contestants, scenario)
    const direct = { name: 'direct', pid: null, port: upstream }
    const samples = await measure({
      ...settings(scenario),
      contestants: [direct, ...contestants],
      connections: 4,
      onSample: progress('latency'),
    })
    latency = latencyTable(samples)
    console.log(`\nLatency, GET 200 B at 4 connections\n${latency}\n`)
  }

  if (target !== 'all' || values.only !== undefined || values.scenario !== undefined || !values.write) return
  const file = join(root, 'docs/benchmarks/gateway.md')
  mkdirSync(dirname(file), { recursive: true })
  const versions = contestants.map(({ name, version }) => ({ name, version }))
  writeFileSync(file, document({ date: values.date, machine: machine(), versions, options, costs, latency, missing }))
  console.log(`Written to ${file}`)
}

/** All, or those whose names begin as was asked. */
function wantedScenarios() {
  const { scenario = '' } = values
  return scenarios.filter(({ name }) => name.startsWith(scenario))
}

/** Who takes part in it: those of HTTP/2 are asked where they speak it. */
function contestantsOf({ streams }, contestants) {
  if (streams === undefined) return contestants
  return contestants.flatMap((each) => (each.http2Port === null ? [] : [{ ...each, port: each.http2Port }]))
}

async function startProxies(upstream) {
  const wanted = values.only?.split(',')
  const contestants = []
  const missing = []
  for (const proxy of proxies) {
    if (wanted !== undefined && !wanted.includes(proxy.name)) continue
    const version = proxy.version({ root })
    if (version === null) {
      console.log(`${proxy.name} is not here; going on without it.`)
      missing.push(proxy.name)
      continue
    }
    const port = await freePort()
    const http2Port = proxy.hasHttp2 === 'same port' ? port : await freePort()
    const pid = await startPinned({
      name: proxy.name,
      core: options.proxyCore,
      command: await proxy.command({ root, port, http2Port, upstream, folder }),
      logFile: join(folder, `${proxy.name.replaceAll('/', '-')}.log`),
      ready: () => answers(`http://127.0.0.1:${port}/small`),
    })
    await requireFairness(proxy.name, port)
    contestants.push({ name: proxy.name, version, pid, port, http2Port: proxy.hasHttp2 === false ? null : http2Port })
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

/** Two seconds each, so that no one is measured while it is still being compiled. */
async function warmUp(contestants, scenario) {
  for (const { port } of contestants) await load({ ...settings(scenario), port, seconds: 2 })
}

function settings(scenario) {
  const { rounds, seconds, connections, loadCore } = options
  return { scenario, rounds, seconds, connections, core: loadCore, folder }
}

function progress(title) {
  return (name, round, sample) => {
    const cost = sample.user + sample.system > 0 ? `${cpu(sample).toFixed(1)} µs` : `p50 ${sample.p50.toFixed(3)} ms`
    console.log(`${title}  round ${round + 1}/${options.rounds}  ${name}: ${cost}`)
  }
}

function machine() {
  const [{ model }] = cpus()
  return `${cpus().length} × ${model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}; load average ${loadAtStart} before it began`
}

function within(name, least, most) {
  const number = Number(values[name])
  if (Number.isInteger(number) && number >= least && number <= most) return number
  console.error(`--${name} takes a whole number from ${least} to ${most}.`)
  process.exit(2)
}
