import { execFile } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

// With wrk's own Host, eight headers: about what a browser's request has left after the fetch-metadata ones.
export const commonHeaders = {
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36',
  Accept: 'text/html,application/json;q=0.9,*/*;q=0.8',
  'Accept-Encoding': 'gzip, deflate, br',
  'Accept-Language': 'en-GB,en;q=0.9,ko;q=0.8',
  Referer: 'http://shop.example/orders/1',
  Cookie: 'session=4f1c2a9be07d4a6f8d35; theme=dark',
  'Cache-Control': 'no-cache',
}

/**
 * A scenario says what is asked: `path`, and `method`, `bodyBytes`, `headers` (beside the common ones), `isSecure`. `streams`: over HTTP/2, so
 * many at once a connection, with what the file `bodyFile` holds as the body; `messageBytes`: every answer must have so many. `values`: a
 * header's values, one a request, round and round. `kind`: `handshakes` or `websocket` instead of requests.
 */
export const scenarios = [
  { name: 'GET 200 B', path: '/small' },
  { name: 'GET 10 KB', path: '/ten-kilobytes.txt' },
  { name: 'POST 1 KB', method: 'POST', path: '/small', bodyBytes: 1_024 },
  { name: 'HTTP/2 GET 200 B, 32 streams each', path: '/small', connections: 4, streams: 32 },
  { name: 'HTTP/2 GET 10 KB, 32 streams each', path: '/ten-kilobytes.txt', connections: 4, streams: 32 },
  { name: 'HTTP/2 GET 200 B, one stream each', path: '/small', streams: 1 },
]

/** Connections of a scenario: its own number, else what was asked for. */
export function connectionsOf(scenario, connections) {
  return scenario.connections ?? connections
}

/**
 * Puts load on `port` for `seconds` from one thread on one core. Latencies in milliseconds; `errors` counts all that was not a 2xx or 3xx.
 * `first`: how many of the scenario's `values` were used before.
 */
export function load(options) {
  const { kind, streams } = options.scenario
  if (kind === 'handshakes') return loadHandshakes(options)
  if (kind === 'websocket') return loadWebSocket(options)
  return streams === undefined ? loadHttp1(options) : loadHttp2(options)
}

async function loadHttp2({ scenario, port, connections, seconds, core, folder }) {
  const { streams, path, bodyFile, messageBytes } = scenario
  const log = join(folder, 'h2load.log')
  rmSync(log, { force: true })
  const clients = String(connectionsOf(scenario, connections))
  const size = ['-c', clients, '-m', String(streams), '-D', String(seconds), '-t', '1']
  const fields = Object.entries(headersOf(scenario)).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const body = bodyFile === undefined ? [] : ['-d', bodyFile]
  const args = ['h2load', ...size, `--log-file=${log}`, ...fields, ...body, `${originOf(scenario, port)}${path}`]
  const stdout = await runOn(core, seconds, args)
  const counts = /(\d+) succeeded, (\d+) failed, (\d+) errored/.exec(stdout)?.slice(1).map(Number)
  const data = /\((\d+)\) data/.exec(stdout)?.[1]
  if (counts === undefined || data === undefined) throw new Error(`h2load printed no result: ${stdout}`)
  const [requests, failed] = counts
  // gRPC says an error by an answer of 200 without a message.
  const empty = messageBytes === undefined ? 0 : Math.max(0, requests - Math.floor(Number(data) / messageBytes))
  // A request a line: when it began, its status, how long it took, in microseconds.
  const times = Float64Array.from(readFileSync(log, 'utf8').trimEnd().split('\n'), (line) =>
    Number(line.split('\t')[2]),
  )
  const sorted = times.toSorted()
  const at = (share) => (sorted[Math.floor((sorted.length - 1) * share)] ?? 0) / 1_000
  return { requests, seconds, errors: failed + empty, p50: at(0.5), p99: at(0.99) }
}

async function loadHttp1({ scenario, port, connections, seconds, core, folder, first = 0 }) {
  const script = join(folder, 'wrk.lua')
  writeFileSync(script, lua(scenario, first, folder))
  const url = `${originOf(scenario, port)}${scenario.path}`
  const size = ['-t', '1', '-c', String(connectionsOf(scenario, connections)), '-d', `${seconds}s`]
  const [requests, micros, errors, p50, p99] = resultIn(await runOn(core, seconds, ['wrk', ...size, '-s', script, url]))
  return { requests, seconds: micros / 1e6, errors, p50: p50 / 1_000, p99: p99 / 1_000 }
}

/** Full handshakes of TLS one after the other, on new connections that ask nothing. */
async function loadHandshakes({ port, seconds, core }) {
  const size = ['-connect', `127.0.0.1:${port}`, '-new', '-tls1_3', '-time', String(seconds)]
  const stdout = await runOn(core, seconds, ['openssl', 's_time', ...size])
  const requests = /^(\d+) connections in \d+ real seconds/m.exec(stdout)?.[1]
  if (requests === undefined) throw new Error(`openssl s_time printed no result: ${stdout}`)
  return { requests: Number(requests), seconds, errors: 0 }
}

async function loadWebSocket({ scenario, port, connections, seconds, core }) {
  const program = fileURLToPath(new URL('websocket.mjs', import.meta.url))
  const size = [connectionsOf(scenario, connections), seconds].map(String)
  const stdout = await runOn(core, seconds, [process.execPath, program, 'load', String(port), ...size])
  const [requests, errors] = resultIn(stdout)
  return { requests, seconds, errors }
}

async function runOn(core, seconds, command) {
  const options = { timeout: (seconds + 20) * 1_000, maxBuffer: 1 << 26 }
  return (await promisify(execFile)('taskset', ['-c', String(core), ...command], options)).stdout
}

function resultIn(stdout) {
  const numbers = /^result (.*)$/m.exec(stdout)?.[1].split(' ').map(Number)
  if (numbers === undefined) throw new Error(`The load printed no result: ${stdout}`)
  return numbers
}

function originOf({ isSecure }, port) {
  return `${isSecure === true ? 'https' : 'http'}://127.0.0.1:${port}`
}

function headersOf({ headers = {} }) {
  return { ...commonHeaders, ...headers }
}

function lua(scenario, first, folder) {
  const { method = 'GET', bodyBytes = 0, values } = scenario
  const lines = Object.entries(headersOf(scenario)).map(([name, value]) => `wrk.headers["${name}"] = "${value}"`)
  return `wrk.method = "${method}"
${lines.join('\n')}
${bodyBytes > 0 ? `wrk.body = string.rep("x", ${bodyBytes})` : ''}
${values === undefined ? '' : luaOfValues(values, first, folder)}
done = function(summary, latency)
  local e = summary.errors
  print(string.format("result %d %d %d %d %d", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end
`
}

/** The requests are made before they are sent. */
function luaOfValues({ header, list }, first, folder) {
  const file = join(folder, 'values')
  writeFileSync(file, list.join('\n'))
  return `local requests, at = {}, ${first % list.length}
init = function()
  for value in io.lines("${file}") do
    wrk.headers["${header}"] = value
    requests[#requests + 1] = wrk.format()
  end
end
request = function()
  at = at % #requests + 1
  return requests[at]
end`
}
