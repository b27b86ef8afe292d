// What each feature costs, beside nginx and HAProxy where they do the same: `features.mjs [--rounds N] [--seconds N] [--only GROUP,…]`.
// Of every feature and proxy two are started, without it and with it, and measured in turn; what counts are the rounds' differences.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { featurePage, groupText } from './feature-report.mjs'
import { Cast } from './features/cast.mjs'
import { credentials } from './features/credentials.mjs'
import { defaults } from './features/defaults.mjs'
import { requireFairness } from './features/fairness.mjs'
import { grpc, http2, makeCertificate, tls, websocket } from './features/protocols.mjs'
import { compression, rules } from './features/rules.mjs'
import { plain } from './features/variants.mjs'
import { isolatedCost } from './isolated.mjs'
import { accepts, freePort, startPinned } from './processes.mjs'
import { adjustableProxies } from './proxies.mjs'
import { cpu, measure } from './rounds.mjs'
import { loadCore, machine, root, startService, today, within, withFolder, writePage } from './workbench.mjs'

const { values } = parseArgs({
  allowNegative: true,
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1' },
    only: { type: 'string' },
    date: { type: 'string', default: today() },
    write: { type: 'boolean', default: true },
  },
})
const options = { rounds: within(values, 'rounds', 1, 100), seconds: within(values, 'seconds', 1, 30), connections: 64 }
const proxies = adjustableProxies({ root })
const defaultScenario = { name: 'GET 200 B', path: '/small' }

await withFolder(run)

async function run(folder) {
  const began = Date.now()
  const groups = groupsOf(folder)
  const wanted = wantedOf(groups)
  const ports = { ...(await startService(folder)), websocket: await startEcho(folder) }
  const results = []
  for (const key of wanted) {
    const result = await measureGroup(await groups[key](), new Cast(key, folder, ports), folder)
    results.push(result)
    console.log(`\n${groupText(result, proxies)}\n`)
  }
  const minutes = ((Date.now() - began) / 60_000).toFixed(0)
  const page = { date: values.date, machine: machine(), proxies, options, results, minutes, keys: wanted }
  if (values.only === undefined && values.write) writePage('features.md', featurePage(page))
}

/** By key: the group, made when its turn comes. */
function groupsOf(folder) {
  const ecdsa = makeCertificate(folder, 'ecdsa')
  return {
    defaults: () => defaults,
    rules: () => rules(folder),
    compression: () => compression,
    credentials: () => credentials(root, folder),
    tls: () => tls(ecdsa, makeCertificate(folder, 'rsa')),
    http2: () => http2(ecdsa),
    grpc: () => grpc(folder),
    websocket: () => websocket,
  }
}

function wantedOf(groups) {
  const keys = Object.keys(groups)
  const wanted = values.only?.split(',') ?? keys
  const unknown = wanted.filter((key) => !keys.includes(key))
  if (unknown.length === 0) return wanted
  console.error(`--only takes some of ${keys.join(', ')}; there is no ${unknown.join(', ')}.`)
  process.exit(2)
}

/** Resolves with the samples of each pair, `{ feature, proxy, without, with, note }`, and what Pando's code costs by itself. */
async function measureGroup(group, cast, folder) {
  const pairs = []
  for (const proxy of proxies) {
    for (const feature of group.features) {
      if (feature.with[proxy.key] === null) continue
      const scenario = feature.scenario ?? group.scenario ?? defaultScenario
      const { without: before = plain, withoutScenario = scenario } = feature
      const without = before === null ? null : await cast.contestant(proxy, before, withoutScenario)
      const pair = { feature, proxy, without, with: await cast.contestant(proxy, feature.with, scenario) }
      pairs.push({ ...pair, note: await requireFairness(pair, scenario, cast, folder) })
    }
  }
  const samples = await measure({
    ...options,
    contestants: cast.contestants,
    core: loadCore,
    folder,
    onSample: progress(group),
  })
  cast.leave()
  return {
    group,
    isolated: await isolatedCosts(group),
    pairs: pairs.map((pair) => ({ ...pair, ...samplesOf(pair, samples) })),
  }
}

function samplesOf({ without, with: having }, samples) {
  return { without: without === null ? null : samples.get(without.name), with: samples.get(having.name) }
}

async function isolatedCosts(group) {
  const costs = new Map()
  for (const feature of group.features) {
    const variant = feature.with.pando
    if (group.isPolicy !== true || feature.isPolicy === false || variant === null) continue
    costs.set(feature, await isolatedCost(variant, feature.scenario ?? group.scenario))
  }
  return costs
}

async function startEcho(folder) {
  const port = await freePort()
  await startPinned({
    name: 'the echo of WebSocket',
    core: loadCore,
    command: [process.execPath, join(root, 'bench/gateway/websocket.mjs'), 'echo', String(port)],
    logFile: join(folder, 'echo.log'),
    ready: () => accepts(port),
  })
  return port
}

function progress({ title }) {
  return (name, round, sample) =>
    console.log(
      `${title}  round ${round + 1}/${options.rounds}  ${name}: ${cpu(sample).toFixed(1)} µs, ${Math.round(sample.rate)}/s`,
    )
}
