import { table } from './report.mjs'
import { added, cpu, median, quantile, ratio } from './rounds.mjs'
import { loadCore, proxyCore } from './workbench.mjs'

/** One group of features as Markdown; the same text goes to the terminal and to docs/. */
export function groupText({ group, pairs, isolated }, proxies) {
  const names = proxies.map(({ name }) => name)
  const hasAdded = pairs.some(({ without }) => without !== null)
  const hasIsolated = isolated.size > 0
  const head = [
    '',
    ...(hasAdded ? [...names.map((name) => `${name} +`), '× nginx +'] : []),
    ...(hasIsolated ? ['by itself'] : []),
    ...names,
    '× nginx',
  ]
  const rows = group.features.map((feature) => {
    const of = new Map(pairs.filter((pair) => pair.feature === feature).map((pair) => [pair.proxy.name, pair]))
    const [nginx, pando] = [of.get('nginx'), of.get('Pando')]
    return [
      feature.name,
      ...(hasAdded ? [...names.map((name) => addedText(of.get(name))), timesAdded(pando, nginx)] : []),
      ...(hasIsolated ? [isolated.has(feature) ? fixed(isolated.get(feature)) : ''] : []),
      ...names.map((name) => (of.has(name) ? fixed(median(of.get(name).with.map(cpu))) : '–')),
      pando === undefined || nginx === undefined ? '' : ratio(pando.with, nginx.with).toFixed(2),
    ]
  })
  const notes = [...notesOf(pairs), errorsOf(pairs)].map((note) => `- ${note}`)
  return `## ${group.title}\n\n${group.note}\n\n${table(head, rows)}\n\n${notes.join('\n')}`
}

/** Median of the rounds' differences and their quartiles. */
function addedText(pair) {
  if (pair === undefined) return '–'
  if (pair.without === null) return ''
  const differences = added(pair.with, pair.without)
  return `${fixed(median(differences))} (${[0.25, 0.75].map((share) => fixed(quantile(differences, share))).join('…')})`
}

/** Nothing where one of the two is so small that it is lost in the noise. */
function timesAdded(pando, nginx) {
  if (pando === undefined || nginx === undefined || pando.without === null) return ''
  const [own, its] = [pando, nginx].map((pair) => added(pair.with, pair.without))
  return [own, its].some((differences) => quantile(differences, 0.25) <= 0)
    ? ''
    : (median(own) / median(its)).toFixed(2)
}

function notesOf(pairs) {
  return pairs.flatMap(({ feature, proxy, note }) =>
    note === undefined ? [] : [`${feature.name}, ${proxy.name}: ${note}.`],
  )
}

function errorsOf(pairs) {
  const faults = pairs.flatMap(({ feature, proxy, with: having, without }) => {
    const errors = [...having, ...(without ?? [])].reduce((sum, sample) => sum + sample.errors, 0)
    return errors === 0 ? [] : [`${proxy.name} ${errors} (${feature.name})`]
  })
  return faults.length === 0 ? 'Errors: none.' : `Errors: ${faults.join(', ')}.`
}

export function featurePage({ date, machine, proxies, options, results, minutes, keys }) {
  return `# What each feature costs beside nginx and HAProxy

Written by \`npm run bench -- features\` on ${date}. Trust what is compared within a row; all of it means little when the load average below is not near 0.

- Machine: ${machine}
- Versions: ${proxies.map(({ name, version }) => `${name} ${version}`).join(', ')}, Node ${process.versions.node}
- CPU µs a request: user and system time of all the proxy's processes (/proc/PID/stat) by requests answered. The proxy alone on core ${proxyCore}, the service behind it and the load on core ${loadCore}.
- "+": what the feature adds. Of every proxy two are started, without it and with it, and loaded in turn for ${options.seconds} s in each of ${options.rounds} rounds; shown is the median of the rounds' differences (its quartiles). A feature whose quartiles are on both sides of 0 costs less than what could be measured.
- "× nginx +": what it adds to Pando by what it adds to nginx, where both are above the noise. "× nginx": all of a request with the feature, the median of the rounds' ratios. "by itself": what Pando's own code for it takes, without network and kernel.
- GET of 200 B on 64 kept-alive connections of HTTP/1.1 with 8 headers, unless a table says otherwise. All proxies add X-Forwarded-For and X-Request-Id; Pando has its defaults on (limits, timeouts, metrics, traceparent). Each proves that it does what is compared before it is measured: who is refused, what the service and the client get. "–": it has no such thing.
${verdict(results)}
${results.map((result) => groupText(result, proxies)).join('\n\n')}

## Again

\`\`\`sh
apt-get install nginx haproxy wrk nghttp2-client openssl
npm run bench -- features                    # all of it, in ${minutes} minutes; writes this file
npm run bench -- features --rounds 9 --seconds 2 --no-write
npm run bench -- features --only rules,tls   # some of ${keys.join(', ')}; writes nothing
\`\`\`
`
}

/** The target: what is on by default costs no more than at nginx. */
function verdict(results) {
  return results
    .flatMap(({ pairs }) => {
      const [nginx, pando] = ['nginx', 'Pando'].map((name) =>
        pairs.find(({ feature, proxy }) => feature.isVerdict === true && proxy.name === name),
      )
      if (nginx === undefined || pando === undefined) return []
      const times = ratio(pando.with, nginx.with).toFixed(2)
      return [`- To reach: the defaults together cost at most 1.0 × nginx doing the same. **${times} ×.**\n`]
    })
    .join('')
}

const fixed = (number) => number.toFixed(Math.abs(number) < 10 ? 2 : Math.abs(number) < 1_000 ? 1 : 0)
