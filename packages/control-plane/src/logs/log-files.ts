import { closeSync, fstatSync, openSync, readSync, readdirSync, statSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Names of an instance's log files, all beside each other in `<stateDir>/logs/<service>/`: `<id>.log` is being written,
 * `<id>.log.1` is the newest that was rotated away, `<id>.log.2` the one before. Each may have a time index: the name and `.index`.
 */
const fileName = /^(?<id>.+)\.log(?:\.(?<generation>\d+))?(?<index>\.index)?$/

export interface LogFileName {
  readonly id: string
  /** 0 is being written; the higher, the older. */
  readonly generation: number
  readonly isIndex: boolean
}

/** Null for a file that is no log of ours. */
export function parseLogName(name: string): LogFileName | null {
  const groups = fileName.exec(name)?.groups
  if (groups === undefined) return null
  return {
    id: groups['id'] ?? '',
    generation: Number(groups['generation'] ?? 0),
    isIndex: groups['index'] !== undefined,
  }
}

/** Logs of ended instances that are kept, a service. */
const keptLogs = 20

/** Deletes the oldest logs of instances that are not among `present`, down to the newest 20. */
export function pruneLogs(directory: string, present: ReadonlySet<string>): void {
  const files = new Map<string, { names: string[]; newest: number }>()
  for (const name of readdirSync(directory)) {
    const parsed = parseLogName(name)
    if (parsed === null || present.has(parsed.id)) continue
    const log = files.get(parsed.id) ?? { names: [], newest: 0 }
    log.names.push(name)
    log.newest = Math.max(log.newest, statSync(join(directory, name), { throwIfNoEntry: false })?.mtimeMs ?? 0)
    files.set(parsed.id, log)
  }
  const byAge = [...files.values()].sort((a, b) => b.newest - a.newest)
  for (const { names } of byAge.slice(keptLogs)) {
    for (const name of names) unlinkSync(join(directory, name))
  }
}

/** The last line that is not empty, at most 1 KiB of it; empty when there is none. */
export function lastLineOf(file: string): string {
  try {
    const descriptor = openSync(file, 'r')
    try {
      const { size } = fstatSync(descriptor)
      const buffer = Buffer.alloc(Math.min(size, 1024))
      const bytes = readSync(descriptor, buffer, 0, buffer.length, size - buffer.length)
      return buffer.toString('utf8', 0, bytes).trimEnd().split('\n').at(-1) ?? ''
    } finally {
      closeSync(descriptor)
    }
  } catch {
    return ''
  }
}
