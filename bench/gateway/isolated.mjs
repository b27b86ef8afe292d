// What asking a route's policies costs by itself: CPU microseconds of one request that gets in, without the network and the kernel.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { commonHeaders } from './load.mjs'
import { median } from './rounds.mjs'
import { root } from './workbench.mjs'

const dist = (file) => import(pathToFileURL(join(root, 'packages/gateway/dist', file)).href)
const { HeadParser } = await dist('http1/head-parser.js')
const { askPolicies } = await dist('policy/ask.js')
const { HeadRequest } = await dist('policy/head-request.js')
const { gatewayPolicies } = await dist('policy/gateway-policies.js')
const { GatewayMetrics } = await dist('metrics/gateway-metrics.js')
const { RateLimits } = await dist('rate-limit/rate-limits.js')

const listener = { name: 'edge', port: 8080, isMesh: false, isSecure: false }
const rounds = 7
const requests = 50_000
/** Requests that differ are asked once each. */
const mostDifferent = 500

/** Of a variant of Pando for the requests of a scenario: one again and again, or, when it has `values`, each once and before nothing is remembered. */
export async function isolatedCost({ route, config }, scenario) {
  const parsers = headsOf(scenario).map(parserOf)
  const costs = []
  for (let round = 0; round <= rounds; round++) {
    const kinds = openPolicies(config)
    const policies = kinds.of({ name: 'up/0', backends: [{ service: 'up', weight: 1 }], ...route }, [])
    costs.push(parsers.length === 1 ? await again(policies, parsers[0]) : await anew(policies, parsers))
    kinds.close()
  }
  // The first round is compiled while it runs.
  return median(costs.slice(1))
}

async function again(policies, parser) {
  await ask(policies, parser)
  return costOf(requests, () => {
    for (let index = 0; index < requests; index++) {
      askPolicies(policies, new HeadRequest(parser, listener, '127.0.0.1'), () => {})
    }
  })
}

function anew(policies, parsers) {
  return costOf(parsers.length, async () => {
    for (const parser of parsers) await ask(policies, parser)
  })
}

async function costOf(count, work) {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

async function ask(policies, parser) {
  const admission = await askPolicies(policies, new HeadRequest(parser, listener, '127.0.0.1'), (_, error) => {
    throw error
  })
  if (admission.answer !== null) throw new Error(`It does not get in: ${JSON.stringify(admission.answer)}`)
}

function openPolicies(config) {
  const limits = new RateLimits({
    now: () => Math.floor(performance.now()),
    seed: () => 1,
    onTrouble: () => {},
    onUncounted: () => {},
  })
  const kinds = gatewayPolicies(limits, new GatewayMetrics(), () => {})
  kinds.configure({ app: 'bench', ...config })
  return kinds
}

function headsOf({ path, headers = {}, values }) {
  const common = { Host: '127.0.0.1', ...commonHeaders, ...headers }
  const each =
    values === undefined ? [{}] : values.list.slice(0, mostDifferent).map((value) => ({ [values.header]: value }))
  return each.map((own) => {
    const lines = Object.entries({ ...common, ...own }).map(([name, value]) => `${name}: ${value}\r\n`)
    return Buffer.from(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
  })
}

function parserOf(head) {
  const parser = new HeadParser(true, { maxTargetBytes: 8192, maxHeadBytes: 32_768, maxHeaders: 100 })
  parser.begin(head, 0)
  parser.parse(head.length)
  return parser
}
