// What the policies of a route cost in isolation: CPU microseconds of asking them for one request that passes. `policies.mjs`, after a build.
// Of the whole on the wire, with the kernel's part, `features.mjs` says more, where the machine is quiet.
import { pathToFileURL } from 'node:url'
import { join } from 'node:path'
import { features, root } from './feature-list.mjs'
import { median } from './rounds.mjs'

const dist = (file) => import(pathToFileURL(join(root, 'packages/gateway/dist', file)).href)
const { HeadParser } = await dist('http1/head-parser.js')
const { askPolicies } = await dist('policy/ask.js')
const { HeadRequest } = await dist('policy/head-request.js')
const { gatewayPolicies } = await dist('policy/gateway-policies.js')
const { GatewayMetrics } = await dist('metrics/gateway-metrics.js')
const { RateLimits } = await dist('rate-limit/rate-limits.js')

const head = Buffer.from(
  'GET /small HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n' +
    'Accept-Language: en\r\nReferer: http://shop.example/\r\nOrigin: https://shop.example\r\nCookie: session=4f1c2a9be07d4a6f8d35\r\n\r\n',
)
const parser = new HeadParser(true, { maxTargetBytes: 8192, maxHeadBytes: 32_768, maxHeaders: 100 })
parser.begin(head, 0)
parser.parse(head.length)
const listener = { name: 'edge', port: 8080, isMesh: false, isSecure: false }
const rounds = 9
const requests = 200_000

for (const [name, { route = {}, config = {} }] of Object.entries(features)) {
  const limits = new RateLimits({
    now: () => Math.floor(performance.now()),
    seed: () => 1,
    onTrouble: () => {},
    onUncounted: () => {},
  })
  const kinds = gatewayPolicies(limits, new GatewayMetrics(), () => {})
  kinds.configure({ app: 'bench', ...config })
  const policies = kinds.of({ name: 'up/0', ...route }, [])
  const ask = (count) => {
    for (let request = 0; request < count; request++) {
      askPolicies(policies, new HeadRequest(parser, listener, '127.0.0.1'), () => {})
    }
  }
  ask(requests)
  const costs = Array.from({ length: rounds }, () => {
    const before = process.cpuUsage()
    ask(requests)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / requests
  })
  console.log(`${name.padEnd(30)} ${median(costs).toFixed(2)} µs`)
  kinds.close()
}
