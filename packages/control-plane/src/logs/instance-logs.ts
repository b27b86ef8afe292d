import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { LogLine } from '@pando/model'
import type { LogQuery } from '../api/app-control.js'
import type { Clock } from '../clock.js'
import { LogCursor, type TimedLine } from './log-cursor.js'
import { parseLogName } from './log-files.js'

const pollIntervalMs = 200
/** A line without an end is shown all the same when nothing was added to it for so many looks (a prompt, a progress bar). */
const restPolls = 5
/** After so many lines others get their turn. */
const linesPerTurn = 500

export interface InstanceLogQuery extends LogQuery {
  /** Only these instances; absent: all. */
  readonly instances?: readonly string[]
  /** Asked by one that follows: true when nothing more will be written, so that it ends after a last look. */
  readonly isOver?: () => boolean
}

interface Source {
  readonly service: string
  readonly instance: string
  readonly cursor: LogCursor
  idlePolls: number
}

/** Reads the log files of instances, ended ones too, that `ProcessDriver` and `LogRotation` leave under `<stateDir>/logs/`. */
export class InstanceLogs {
  readonly #directories: readonly string[]
  readonly #clock: Clock

  constructor(options: { readonly stateDir: string; readonly clock: Clock }) {
    const stateDir = resolve(options.stateDir)
    this.#directories = [join(stateDir, 'logs'), join(stateDir, 'jobs', 'logs')]
    this.#clock = options.clock
  }

  /**
   * What is there, all instances merged by time (which is known to about a second; an instance's own lines always stay in order),
   * then, with `follow`, what comes, also from instances that start later, until `signal` aborts. Lines longer than 64 KiB come in
   * pieces; bytes that are no UTF-8 as U+FFFD. Reads no further ahead than it is asked to.
   */
  async *read(query: InstanceLogQuery, signal: AbortSignal): AsyncGenerator<LogLine> {
    const sources = new Map<string, Source>()
    for (const source of this.#discover(query, sources)) {
      if (query.since !== null) source.cursor.seekTime(query.since)
      if (query.tail !== null) source.cursor.seekTail(query.tail)
    }
    let lines = 0
    for (const line of this.#present([...sources.values()], query)) {
      if (signal.aborted) return
      yield line
      lines += 1
      if (lines % linesPerTurn === 0) await this.#pause(0, signal)
    }
    while (query.follow && !signal.aborted) {
      const isLast = query.isOver?.() === true
      this.#discover(query, sources)
      for (const source of sources.values()) {
        for (const line of this.#news(source, isLast)) {
          if (signal.aborted) return
          yield named(source, line)
        }
      }
      if (isLast) return
      await this.#pause(pollIntervalMs, signal)
    }
  }

  /** Adds what is not among `sources` yet, and returns that. */
  #discover(query: InstanceLogQuery, sources: Map<string, Source>): Source[] {
    const found: Source[] = []
    for (const directory of this.#directories) {
      for (const service of entries(directory)) {
        if (query.services.length > 0 && !query.services.includes(service)) continue
        for (const name of entries(join(directory, service))) {
          const log = parseLogName(name)
          if (log === null || log.isIndex || log.generation !== 0) continue
          if (sources.has(`${service}/${log.id}`)) continue
          if (query.instances !== undefined && !query.instances.includes(log.id)) continue
          const cursor = new LogCursor(join(directory, service, name))
          const source = { service, instance: log.id, cursor, idlePolls: 0 }
          sources.set(`${service}/${log.id}`, source)
          found.push(source)
        }
      }
    }
    return found
  }

  /** Merges what all have now. Each source gives its lines in order of time, so the earliest head goes first. */
  *#present(sources: readonly Source[], query: InstanceLogQuery): Generator<LogLine> {
    const heads: { source: Source; lines: Iterator<TimedLine>; line: TimedLine }[] = []
    const advance = (source: Source, lines: Iterator<TimedLine>): void => {
      const next = lines.next()
      if (next.done === true) return
      const head = { source, lines, line: next.value }
      const position = heads.findIndex((other) => (other.line.at ?? 0) > (head.line.at ?? 0))
      heads.splice(position === -1 ? heads.length : position, 0, head)
    }
    for (const source of sources) advance(source, this.#known(source, query))
    for (let head = heads.shift(); head !== undefined; head = heads.shift()) {
      const { since } = query
      if (since === null || head.line.at === null || head.line.at >= since) yield named(head.source, head.line)
      // What follows at the same time comes from the same source: whole stretches stay together.
      advance(head.source, head.lines)
    }
  }

  *#known(source: Source, query: InstanceLogQuery): Generator<TimedLine> {
    // What the index does not cover was written after its last entry and before the file was last changed.
    let last: number | null = null
    const seenAt = (modifiedAt: number): number => (last = Math.min(this.#clock.now(), Math.round(modifiedAt)))
    yield* source.cursor.lines(seenAt)
    if (!query.follow) yield* source.cursor.flush(last)
  }

  *#news(source: Source, isLast: boolean): Generator<TimedLine> {
    const now = this.#clock.now()
    let isIdle = true
    for (const line of source.cursor.lines(() => now)) {
      isIdle = false
      yield line
    }
    source.idlePolls = isIdle && source.cursor.hasRest ? source.idlePolls + 1 : 0
    if (isLast || source.idlePolls >= restPolls) yield* source.cursor.flush(now)
  }

  /** Ends early when the signal aborts. */
  #pause(ms: number, signal: AbortSignal): Promise<void> {
    if (ms === 0) return new Promise((done) => void setImmediate(done))
    return new Promise((done) => {
      const finish = (): void => {
        cancel()
        signal.removeEventListener('abort', finish)
        done()
      }
      const cancel = this.#clock.after(ms, finish)
      if (signal.aborted) finish()
      else signal.addEventListener('abort', finish, { once: true })
    })
  }
}

function named(source: Source, line: TimedLine): LogLine {
  return { service: source.service, instance: source.instance, at: line.at, line: line.text }
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory).sort()
  } catch {
    return []
  }
}
