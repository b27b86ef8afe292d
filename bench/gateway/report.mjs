import { cpu, median, quantile, ratios } from './rounds.mjs'
import { farRounds } from './proxies.mjs'
import { loadCore, proxyCore } from './workbench.mjs'

/** One scenario as a Markdown table; the same text goes to the terminal and to docs/. */
export function costTable(samples) {
  const rows = [...samples].map(([name, list]) => [
    name,
    fixed(median(list.map(cpu)), 1),
    fixed(median(list.map(({ user }) => user)), 1),
    times(ratios(list, samples.get('nginx'))),
    times(ratios(list, samples.get('HAProxy'))),
    fixed(median(list.map(({ p50 }) => p50)), 2),
    fixed(median(list.map(({ p99 }) => p99)), 2),
    Math.round(median(list.map(({ rate }) => rate))).toLocaleString('en'),
    String(list.reduce((sum, { errors }) => sum + errors, 0)),
  ])
  return table(['', 'CPU µs', 'of it user', '× nginx', '× HAProxy', 'p50 ms', 'p99 ms', 'requests/s', 'errors'], rows)
}

export function latencyTable(samples) {
  const direct = samples.get('direct')
  const added = (list, key) =>
    list === direct ? '' : fixed(median(list.map((sample, round) => sample[key] - direct[round][key])), 3)
  const rows = [...samples].map(([name, list]) => [
    name,
    fixed(median(list.map(({ p50 }) => p50)), 3),
    added(list, 'p50'),
    fixed(median(list.map(({ p99 }) => p99)), 3),
    added(list, 'p99'),
  ])
  return table(['', 'p50 ms', 'added', 'p99 ms', 'added'], rows)
}

export function document({ date, machine, versions, options, costs, latency, missing }) {
  return `# The gateway's cost beside nginx and HAProxy

Written by \`npm run bench\` on ${date}. Trust the ratios: they compare runs of the same minute. Absolute numbers and latencies mean little when the load average below is not near 0.

- Machine: ${machine}
- Versions: ${versions.map(({ name, version }) => `${name} ${version}`.trim()).join(', ')}, Node ${process.versions.node}
${missing.length > 0 ? `- Not measured, as it was not there: ${missing.join(', ')}\n` : ''}- The proxy alone on core ${proxyCore}; the service behind it (nginx) and wrk (h2load for HTTP/2) on core ${loadCore}. ${options.rounds} rounds of ${options.seconds} s a proxy, there and back; ${farRounds} for npm's, which are far off.
- CPU µs: user and system time of all the proxy's processes (/proc/PID/stat) by requests answered; medians over rounds. A ratio is the median of the rounds' ratios (their quartiles).
- Every request carries 8 headers. All proxies keep connections alive on both sides, add X-Forwarded-For and X-Request-Id, and write no access log; Pando has all its defaults on (limits, timeouts, metrics, traceparent).

${costs.map(({ title, text }) => `## ${title}\n\n${text}`).join('\n\n')}

## Latency, GET 200 B at 4 connections

\`direct\` is the service without a proxy; "added" is the median, over rounds, of the difference to it.

${latency}

## Again

\`\`\`sh
apt-get install nginx haproxy wrk nghttp2-client # what is missing is named and left out
npm run bench                         # all of it; writes this file
npm run bench -- --rounds 3 --seconds 1 --only nginx,Pando --no-write
npm run bench -- --node /opt/node26/bin/node  # Pando by another Node as well; several times, if you like
npm run bench -- cost --scenario HTTP/2  # only the scenarios whose names begin so
npm run bench -- latency              # only the latency at 4 connections; writes nothing
\`\`\`
`
}

/** In Markdown: the first column to the left, the others, numbers, to the right. */
export function table(head, rows) {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(3, ...all.map((row) => row[column].length)))
  const line = (row) =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join(' | ')} |`
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`
  return [line(head), rule, ...rows.map(line)].join('\n')
}

const fixed = (number, digits) => number.toFixed(digits)
/** The median and the quartiles. */
function times(list) {
  if (list === null) return ''
  if (list.every((one) => one === 1)) return '1.00'
  return `${fixed(median(list), 2)} (${fixed(quantile(list, 0.25), 2)}…${fixed(quantile(list, 0.75), 2)})`
}
