import { readFileSync, readdirSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import type { AppStatus } from '@pando/model'
import type { LoadResult } from '../support/numbered-load.js'
import type { TemporaryApp } from '../support/temporary-app.js'
import type { MessageResult } from './message-load.js'
import { countsOf, soakSteps, type SoakOptions, type SoakStep } from './soak-options.js'
import type { Taken } from './soak-steps.js'

/** What the control plane holds of the machine. */
export interface Footprint {
  readonly planeMiB: number
  readonly planeFiles: number
  readonly gatewayFiles: number
  readonly snapshots: number
}

export function footprintOf(app: TemporaryApp, { pid, gateway }: AppStatus): Footprint {
  const rss = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return {
    planeMiB: Math.round(Number(rss) / 1024),
    planeFiles: readdirSync(`/proc/${pid}/fd`).length,
    gatewayFiles: readdirSync(`/proc/${gateway.pid}/fd`).length,
    snapshots: namesIn(`${app.stateDir}/revisions/work`).length,
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

interface Seen {
  readonly options: SoakOptions
  readonly isCutShort: boolean
  readonly tookMs: number
  readonly done: Readonly<Record<SoakStep, readonly Taken[]>>
  readonly load: LoadResult
  /** Of the answered requests. */
  readonly overHttp2: number
  readonly overGrpc: number
  readonly messages: { readonly webSocket: MessageResult; readonly grpc: MessageResult }
  readonly processed: readonly string[]
  readonly taken: readonly string[]
  readonly wrongPosts: readonly string[]
  readonly violations: readonly string[]
  readonly before: Footprint
  readonly after: Footprint
}

export interface SoakOutcome {
  readonly violations: readonly string[]
  readonly isCutShort: boolean
  /** What was measured, as rows of a table. */
  readonly rows: readonly (readonly [string, string])[]
  readonly options: SoakOptions
}

/** A canary that is bad on purpose says so in its answers: they are its own, and its share is a tenth. */
export const isOfBadCanary = (failure: string): boolean => /: (500|13) \{"isBad":true/.test(failure)

/** A call whose instance died when its answer had begun is over for gRPC, be it one that may be made twice or not. */
export const isOfBegunAnswer = (failure: string): boolean =>
  /: 14 The service closed the connection .* in the middle of its answer/.test(failure)

/** Judges what was seen by what is promised. */
export function outcomeOf(seen: Seen): SoakOutcome {
  const { load, done } = seen
  const { webSocket, grpc } = seen.messages
  const failedReads = load.failedIdempotent.filter((failure) => !isOfBadCanary(failure))
  const failed = failedReads.filter((failure) => !isOfBegunAnswer(failure))
  const failedPosts = load.failedOther.filter((failure) => !isOfBadCanary(failure))
  const duplicates = repeated(seen.processed)
  const processed = new Set(seen.processed)
  const missing = [...load.acknowledged].filter((number) => !processed.has(number))
  const taken = new Set(seen.taken)
  const lostOf = ({ acknowledged }: MessageResult): string[] => acknowledged.filter((number) => !taken.has(number))
  const acknowledged = [...webSocket.acknowledged, ...grpc.acknowledged]
  const violations = [
    ...seen.violations,
    ...webSocket.wrong,
    ...grpc.wrong,
    ...none(failed, 'GETs failed'),
    ...none(duplicates, 'POSTs were processed twice'),
    ...none(missing, 'POSTs were acknowledged and are not there'),
    ...none([...lostOf(webSocket), ...lostOf(grpc)], 'messages were acknowledged and are not there'),
    ...none(repeated(acknowledged), 'messages were acknowledged twice'),
    ...none(seen.wrongPosts, 'POSTs failed although no instance died under them'),
  ]
  const counts = countsOf(seen.options.rounds)
  const canaryAnswers = load.failedIdempotent.length + load.failedOther.length - failedReads.length - failedPosts.length
  const rows: [string, string][] = [
    ...soakSteps.flatMap((step): [string, string][] => [
      [`**${headings[step]}**`, `**${done[step].length} of ${counts[step]}**`],
      ...kindsOf(done[step]),
    ]),
    ['requests answered', String(load.succeeded)],
    ['of them over HTTP/2; calls of gRPC', `${seen.overHttp2}; ${seen.overGrpc}`],
    ['GETs that failed', String(failed.length)],
    ['POSTs processed twice', String(duplicates.length)],
    ['POSTs acknowledged and lost', String(missing.length)],
    [
      'POSTs that failed with an instance that died under them, and were not sent again',
      String(failedPosts.length - seen.wrongPosts.length),
    ],
    ['calls of Look whose instance died when their answer had begun', String(failedReads.length - failed.length)],
    ['POSTs that failed otherwise', String(seen.wrongPosts.length)],
    ['answers of 500 by bad canaries', String(canaryAnswers)],
    ...rowsOf('WebSocket', webSocket, lostOf(webSocket)),
    ...rowsOf('gRPC stream', grpc, lostOf(grpc)),
    ['latency of all requests, p50 / p99 / max', `${quantiles(load.latenciesMs, 1)} ms`],
    ['control plane’s memory, before → after', `${seen.before.planeMiB} → ${seen.after.planeMiB} MiB`],
    ['its open files; the gateway’s', `${filesOf(seen.before)} → ${filesOf(seen.after)}`],
    ['revisions on disk', `${seen.before.snapshots} → ${seen.after.snapshots}`],
    ['time', `${Math.round(seen.tookMs / 1000)} s`],
  ]
  return { violations, isCutShort: seen.isCutShort, rows, options: seen.options }
}

function rowsOf(kind: string, result: MessageResult, lost: readonly string[]): [string, string][] {
  const { acknowledged, closedProperly, brokenByKill, wrong } = result
  return [
    [`${kind} messages acknowledged`, String(acknowledged.length)],
    ['of them lost', String(lost.length)],
    [
      `${kind}s ended properly by a drain / broken by a death / otherwise`,
      `${closedProperly} / ${brokenByKill} / ${wrong.length}`,
    ],
  ]
}

const filesOf = ({ planeFiles, gatewayFiles }: Footprint): string => `${planeFiles}; ${gatewayFiles}`

const headings: Readonly<Record<SoakStep, string>> = {
  deploy: 'deploys that went through',
  kill: 'instances killed (SIGKILL)',
  'kill in mid-rollout': 'instances killed in mid-rollout',
  'plane kill': 'control planes killed (SIGKILL)',
  'bad deploy': 'bad deploys that went back by themselves',
  rollback: '`pando rollback`',
  abort: '`pando abort`',
}

/** One row a kind: how many, and how long they took until all was well again. */
function kindsOf(taken: readonly Taken[]): [string, string][] {
  const kinds = [...new Set(taken.map(({ kind }) => kind))]
  return kinds.map((kind) => {
    const times = taken.filter((one) => one.kind === kind).map(({ tookMs }) => tookMs)
    return [`– ${kind}`, `${times.length}: ${quantiles(times, 0)} ms`]
  })
}

function none(list: readonly string[], what: string): string[] {
  return list.length === 0 ? [] : [`${list.length} ${what}: ${list.slice(0, 5).join('; ')}`]
}

function repeated(numbers: readonly string[]): string[] {
  const seen = new Set<string>()
  return numbers.filter((number) => number !== '' && (seen.has(number) || !seen.add(number)))
}

function quantiles(values: readonly number[], digits: number): string {
  if (values.length === 0) return '–'
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number).toFixed(digits)
  return `${at(0.5)} / ${at(0.99)} / ${at(1)}`
}

/** A section of markdown: when, where, what, and what was wrong. */
export function markdownOf(outcome: SoakOutcome, now: Date, load: string): string {
  const { options, rows, violations } = outcome
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.versions.node}`
  const kind = { process: 'processes', container: 'containers', mixed: 'both, calling each other' }[options.driver]
  const verdict =
    violations.length > 0 ? 'Not held:' : outcome.isCutShort ? 'All held, in as much as was done.' : 'All held.'
  return [
    `## On ${kind}`,
    '',
    `${now.toISOString().slice(0, 10)}, ${machine}; load average ${load} before it began; ${options.rate} requests a second; seed ${options.seed}. ${verdict}`,
    '',
    ...(violations.length > 0 ? [...violations.slice(0, 20).map((each) => `- ${each}`), ''] : []),
    '| | how many; times are p50 / p99 / max |',
    '| --- | --- |',
    ...rows.map(([name, value]) => `| ${name} | ${value} |`),
    '',
  ].join('\n')
}

export function tableOf({ rows, violations, isCutShort }: SoakOutcome): string {
  const width = Math.max(...rows.map(([name]) => name.length))
  const lines = rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`)
  const end =
    violations.length === 0
      ? [isCutShort ? 'all held; the time was over before all was done' : 'all held']
      : violations.map((each) => `NOT HELD: ${each}`)
  return [...lines, ...end].join('\n')
}
