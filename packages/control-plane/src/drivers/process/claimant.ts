import type { InstanceRecord, InstanceRecords } from './instance-records.js'
import { parseClaim } from './launcher.js'
import type { ProcessIdentity, ProcessTable } from './process-table.js'

/** A launcher writes its claim within microseconds; one that was stopped in the middle is killed after so many looks. */
const maxRounds = 1000
const roundMs = 5

/**
 * Who runs a record that an earlier control plane left; null when nobody does, nor ever will: a run that has not been claimed yet is
 * called off.
 */
export async function claimantOf(
  record: InstanceRecord,
  records: InstanceRecords,
  table: ProcessTable,
  sleep: (ms: number) => Promise<void>,
): Promise<ProcessIdentity | null> {
  if (records.callOff(record)) return null
  for (let round = 0; ; round += 1) {
    const claimant = parseClaim(records.readClaim(record) ?? '')
    if (claimant !== null) return claimant
    // Created and not yet written: its launcher is between two instructions, unless it was killed there.
    const file = records.claimFile(record)
    const launchers = table.all().filter(({ pid }) => table.argumentsOf(pid).includes(file))
    if (launchers.length === 0) return parseClaim(records.readClaim(record) ?? '')
    if (round > maxRounds) for (const { pid } of launchers) process.kill(pid, 'SIGKILL')
    await sleep(roundMs)
  }
}
