import type { GatewayReport, WorkerEnd } from '@pando/model'

/** Every end in a row up to this one is told, then the 4th, the 8th, the 16th …: a worker that never starts must not fill the log. */
const toldOneByOne = 2

/** What is new about workers that have ended, a sentence each; `before` is the last report, null where there is none. */
export function workerEndEvents(before: GatewayReport | null, { pid, workerEnds }: GatewayReport): string[] {
  if (workerEnds === undefined) return []
  const known = before?.pid === pid ? (before.workerEnds?.count ?? 0) : 0
  const after = Math.max(known, workerEnds.told)
  return workerEnds.recent.filter((end) => end.number > after && isTold(end)).map(describeWorkerEnd)
}

/** How a worker ended, and what is done about it. */
export function describeWorkerEnd(end: WorkerEnd): string {
  const { worker, workers, how, hasServed, number, error, lines } = end
  const young = hasServed || how.startsWith('could not') ? '' : ' before it served'
  const counted = number === 1 ? '' : ` (${ordinal(number)} end of a worker since the gateway started)`
  const because = error === '' ? '' : `: ${error}`
  const rest = lines.filter((line) => line.trim() !== error).map((line) => line.trim())
  const wrote = rest.length === 0 ? '' : ` [its last lines: ${rest.join(' | ')}]`
  return `worker ${worker} of ${workers} ${how}${young}; ${whatNext(end)}${counted}${because}${wrote}`
}

function whatNext({ pauseMs, inARow }: WorkerEnd): string {
  if (pauseMs === null) return 'the one that it was to replace serves on'
  const row = inARow > 1 ? `, the ${ordinal(inARow)} time in a row` : ''
  return pauseMs === 0 ? `started again${row}` : `started again after ${(pauseMs / 1000).toFixed(1)} s${row}`
}

function isTold({ inARow }: WorkerEnd): boolean {
  return inARow <= toldOneByOne || Number.isInteger(Math.log2(inARow))
}

function ordinal(number: number): string {
  const ending = number % 100 > 10 && number % 100 < 14 ? 'th' : (['th', 'st', 'nd', 'rd'][number % 10] ?? 'th')
  return `${number}${ending}`
}
