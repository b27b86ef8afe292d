import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** One process as the system shows it. */
export interface ProcessEntry {
  readonly pid: number
  readonly group: number
  readonly session: number
  /** When it began, in the system's own words (Linux: clock ticks since boot): with the pid it names one process of this boot. */
  readonly start: string
  /** It has ended and only waits to be reaped. */
  readonly isDead: boolean
  /** Its own and that of its children that were reaped. */
  readonly cpuSeconds: number
}

/** Names one process for as long as the machine is up: the pid alone may come to mean another one. */
export interface ProcessIdentity {
  readonly pid: number
  readonly start: string
}

/** Whom to name as main process where there is none: no process has such a pid, group or session (kernel threads have 0). */
export const nobody: ProcessIdentity = { pid: -1, start: 'never' }

/** The system's processes. Reads are synchronous and cost some ten microseconds a process. */
export interface ProcessTable {
  /** Names this run of the system: identities of another one mean nothing now. */
  readonly boot: string
  /** Null when there is none. */
  read(pid: number): ProcessEntry | null
  all(): ProcessEntry[]
  /** `NAME=value` entries that it was started with; empty when they cannot be read. */
  environmentOf(pid: number): readonly string[]
  /** What it was started with; empty when that cannot be read. */
  argumentsOf(pid: number): readonly string[]
  /** Resident memory, bytes; 0 when there is none or it cannot be read. */
  memoryOf(pid: number): number
}

/** True while that very process runs. */
export function isAlive(table: ProcessTable, identity: ProcessIdentity): boolean {
  const entry = table.read(identity.pid)
  return entry !== null && !entry.isDead && entry.start === identity.start
}

export function systemProcessTable(): ProcessTable {
  return process.platform === 'linux' ? new ProcTable('/proc') : new PsTable()
}

/** proc(5). The kernel shows times in ticks of 1/100 s on every architecture that Node runs on. */
const ticksPerSecond = 100

export class ProcTable implements ProcessTable {
  readonly boot: string
  readonly #root: string

  constructor(root: string) {
    this.#root = root
    // Pids are counted anew by each pid namespace: a restarted container has the same boot and other processes.
    const namespace = attempt(() => readlinkSync(`${root}/self/ns/pid`)) ?? ''
    this.boot = `${(attempt(() => readFileSync(`${root}/sys/kernel/random/boot_id`, 'utf8')) ?? '').trim()} ${namespace}`
  }

  read(pid: number): ProcessEntry | null {
    const text = attempt(() => readFileSync(`${this.#root}/${pid}/stat`, 'utf8'))
    return text === null ? null : parseStat(text)
  }

  all(): ProcessEntry[] {
    const entries: ProcessEntry[] = []
    for (const name of attempt(() => readdirSync(this.#root)) ?? []) {
      if (!/^\d+$/.test(name)) continue
      const entry = this.read(Number(name))
      if (entry !== null) entries.push(entry)
    }
    return entries
  }

  environmentOf(pid: number): readonly string[] {
    return this.#list(`${this.#root}/${pid}/environ`)
  }

  argumentsOf(pid: number): readonly string[] {
    return this.#list(`${this.#root}/${pid}/cmdline`)
  }

  memoryOf(pid: number): number {
    const status = attempt(() => readFileSync(`${this.#root}/${pid}/status`, 'utf8'))
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(status ?? '')
    return match === null ? 0 : Number(match[1]) * 1024
  }

  #list(file: string): readonly string[] {
    const text = attempt(() => readFileSync(file, 'utf8'))
    return text === null || text === '' ? [] : text.split('\0')
  }
}

/** proc_pid_stat(5). The program's name stands in parentheses and may itself hold any character, `)` too. */
export function parseStat(text: string): ProcessEntry | null {
  const end = text.lastIndexOf(')')
  if (end === -1) return null
  const fields = text.slice(end + 2).split(' ')
  const field = (number: number): string => fields[number - 3] ?? ''
  const ticks = Number(field(14)) + Number(field(15)) + Number(field(16)) + Number(field(17))
  const state = field(3)
  return {
    pid: Number.parseInt(text, 10),
    group: Number(field(5)),
    session: Number(field(6)),
    start: field(22),
    isDead: state === 'Z' || state === 'X',
    cpuSeconds: ticks / ticksPerSecond,
  }
}

/** Where there is no /proc (macOS): ps(1), best effort. */
class PsTable implements ProcessTable {
  readonly boot = ''

  read(pid: number): ProcessEntry | null {
    return this.#ps(['-p', String(pid)])[0] ?? null
  }

  all(): ProcessEntry[] {
    return this.#ps(['-A'])
  }

  environmentOf(): readonly string[] {
    return []
  }

  argumentsOf(pid: number): readonly string[] {
    const text = attempt(() => execFileSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' }))
    return text === null ? [] : text.trim().split(' ')
  }

  memoryOf(pid: number): number {
    const text = attempt(() => execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }))
    return text === null ? 0 : Number(text.trim()) * 1024
  }

  #ps(which: string[]): ProcessEntry[] {
    const format = ['-o', 'pid=,pgid=,sess=,stat=,time=,lstart=']
    const text = attempt(() => execFileSync('ps', [...format, ...which], { encoding: 'utf8', env: { LC_ALL: 'C' } }))
    const entries: ProcessEntry[] = []
    for (const line of (text ?? '').split('\n')) {
      const [pid, group, session, state, time, ...start] = line.trim().split(/\s+/)
      if (pid === undefined || pid === '' || start.length === 0) continue
      const cpuSeconds = (time ?? '').split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
      entries.push({
        pid: Number(pid),
        group: Number(group),
        session: Number.parseInt(session ?? '', 16) || 0,
        start: start.join(' '),
        isDead: (state ?? '').startsWith('Z'),
        cpuSeconds,
      })
    }
    return entries
  }
}

/** What vanishes between two reads is a process that ended, which is no error here. */
function attempt<T>(read: () => T): T | null {
  try {
    return read()
  } catch {
    return null
  }
}
