import { killAtOnce, processesIn, type InstanceCgroups } from './cgroup.js'
import { nobody, type ProcessEntry, type ProcessIdentity, type ProcessTable } from './process-table.js'

/** Where an instance's processes are to be looked for. */
export interface InstanceTraces {
  readonly main: ProcessIdentity
  readonly cgroups: InstanceCgroups
  /** `NAME=value` entries that only this instance's processes were started with; empty when it has none. */
  readonly marks: readonly string[]
  /** Its main process was seen in the control groups, so all the others are there too and need not be looked for elsewhere. */
  readonly isConfined: boolean
}

/** What runs in these control groups, whoever it is. */
export function strayTraces(cgroups: InstanceCgroups): InstanceTraces {
  return { main: nobody, cgroups, marks: [], isConfined: true }
}

/**
 * All processes of an instance: what is in its control groups or, where it has none to tell, its process group, its session, and
 * whoever carries its marks in the environment (children that made a session of their own). The dead that wait to be reaped do not count.
 */
export function processesOf(table: ProcessTable, traces: InstanceTraces): ProcessEntry[] {
  const { main, cgroups, marks } = traces
  const inCgroups = new Set(processesIn(cgroups))
  if (traces.isConfined) {
    const entries = Array.from(inCgroups, (pid) => table.read(pid))
    return entries.filter((entry): entry is ProcessEntry => entry !== null && !entry.isDead)
  }
  const isOurs = ownsGroup(table, main)
  return table.all().filter((entry) => {
    if (entry.isDead || entry.pid === process.pid) return false
    if (inCgroups.has(entry.pid)) return true
    if (isOurs && (entry.group === main.pid || entry.session === main.pid)) return true
    return isYounger(entry, main) && hasMarks(table, entry.pid, marks)
  })
}

/** What an instance's processes use together; those that only its marks would tell are not looked for, as that reads all environments. */
export function usageOf(
  table: ProcessTable,
  traces: InstanceTraces,
): { readonly memoryBytes: number; readonly cpuSeconds: number } {
  let memoryBytes = 0
  let cpuSeconds = 0
  for (const entry of processesOf(table, { ...traces, marks: [] })) {
    memoryBytes += table.memoryOf(entry.pid)
    cpuSeconds += entry.cpuSeconds
  }
  return { memoryBytes, cpuSeconds }
}

/** Sends the signal to all of an instance's processes. What has ended meanwhile is no error. */
export function signalAll(table: ProcessTable, traces: InstanceTraces, signal: NodeJS.Signals): void {
  if (signal === 'SIGKILL') killAtOnce(traces.cgroups)
  const processes = processesOf(table, traces)
  const { main } = traces
  const isInGroup = ({ group }: ProcessEntry): boolean => group === main.pid
  // The group in one call, so that no fork slips through, and each of the others: nobody gets the signal twice.
  const hasGroup = ownsGroup(table, main) && processes.some(isInGroup)
  if (hasGroup) send(-main.pid, signal)
  for (const entry of processes) if (!hasGroup || !isInGroup(entry)) send(entry.pid, signal)
}

/** A group or session keeps its leader's pid taken, so another process under that pid means that nothing is left of ours. */
function ownsGroup(table: ProcessTable, main: ProcessIdentity): boolean {
  const leader = table.read(main.pid)
  return leader === null || leader.start === main.start
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended, or has become someone else's (set-uid) whom we may not signal; the next look decides.
  }
}

function isYounger(entry: ProcessEntry, main: ProcessIdentity): boolean {
  return Number(entry.start) >= Number(main.start)
}

function hasMarks(table: ProcessTable, pid: number, marks: readonly string[]): boolean {
  if (marks.length === 0) return false
  const environment = new Set(table.environmentOf(pid))
  return marks.every((mark) => environment.has(mark))
}
