import { execFile } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

// With wrk's own Host, eight headers: about what a browser's request has left after the fetch-metadata ones.
const headers = {
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36',
  Accept: 'text/html,application/json;q=0.9,*/*;q=0.8',
  'Accept-Encoding': 'gzip, deflate, br',
  'Accept-Language': 'en-GB,en;q=0.9,ko;q=0.8',
  Referer: 'http://shop.example/orders/1',
  Cookie: 'session=4f1c2a9be07d4a6f8d35; theme=dark',
  'Cache-Control': 'no-cache',
}

export const scenarios = [
  { name: 'GET 200 B', method: 'GET', path: '/small', bodyBytes: 0 },
  { name: 'GET 10 KB', method: 'GET', path: '/ten-kilobytes.txt', bodyBytes: 0 },
  { name: 'POST 1 KB', method: 'POST', path: '/small', bodyBytes: 1_024 },
  { name: 'HTTP/2 GET 200 B, 32 streams each', path: '/small', connections: 4, streams: 32 },
  { name: 'HTTP/2 GET 10 KB, 32 streams each', path: '/ten-kilobytes.txt', connections: 4, streams: 32 },
  { name: 'HTTP/2 GET 200 B, one stream each', path: '/small', streams: 1 },
]

/** Connections of a scenario: its own number, else what was asked for. */
export function connectionsOf(scenario, connections) {
  return scenario.connections ?? connections
}

/** Puts load on `port` for `seconds` from one thread on one core. Latencies in milliseconds; `errors` counts all that was not a 2xx or 3xx. */
export async function load(options) {
  return options.scenario.streams === undefined ? loadHttp1(options) : loadHttp2(options)
}

async function loadHttp2({ scenario, port, connections, seconds, core, folder }) {
  const log = join(folder, 'h2load.log')
  rmSync(log, { force: true })
  const fields = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const clients = String(connectionsOf(scenario, connections))
  const size = ['-c', clients, '-m', String(scenario.streams), '-D', String(seconds), '-t', '1']
  const url = `http://127.0.0.1:${port}${scenario.path}`
  const args = ['-c', String(core), 'h2load', ...size, `--log-file=${log}`, ...fields, url]
  const { stdout } = await promisify(execFile)('taskset', args, { timeout: (seconds + 20) * 1_000 })
  const counts = /(\d+) succeeded, (\d+) failed, (\d+) errored/.exec(stdout)?.slice(1).map(Number)
  if (counts === undefined) throw new Error(`h2load printed no result: ${stdout}`)
  const [requests, failed] = counts
  // A request a line: when it began, its status, how long it took, in microseconds.
  const times = Float64Array.from(readFileSync(log, 'utf8').trimEnd().split('\n'), (line) =>
    Number(line.split('\t')[2]),
  )
  const sorted = times.toSorted()
  const at = (share) => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0) / 1_000
  return { requests, seconds, errors: failed, p50: at(0.5), p99: at(0.99) }
}

async function loadHttp1({ scenario, port, connections, seconds, core, folder }) {
  const script = join(folder, `${scenario.name.replaceAll(' ', '-')}.lua`)
  writeFileSync(script, lua(scenario))
  const url = `http://127.0.0.1:${port}${scenario.path}`
  const args = ['-c', String(core), 'wrk', '-t', '1', '-c', String(connections), '-d', `${seconds}s`, '-s', script, url]
  const { stdout } = await promisify(execFile)('taskset', args, { timeout: (seconds + 20) * 1_000 })
  const numbers = /^result (.*)$/m.exec(stdout)?.[1].split(' ').map(Number)
  if (numbers === undefined) throw new Error(`wrk printed no result: ${stdout}`)
  const [requests, micros, errors, p50, p99] = numbers
  return { requests, seconds: micros / 1e6, errors, p50: p50 / 1_000, p99: p99 / 1_000 }
}

function lua({ method, bodyBytes }) {
  return `wrk.method = "${method}"
${Object.entries(headers)
  .map(([name, value]) => `wrk.headers["${name}"] = "${value}"`)
  .join('\n')}
${bodyBytes > 0 ? `wrk.body = string.rep("x", ${bodyBytes})` : ''}
done = function(summary, latency)
  local e = summary.errors
  print(string.format("result %d %d %d %d %d", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end
`
}
