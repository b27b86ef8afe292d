import { Cron } from 'croner'

/**
 * The next time after `after` (Unix times, ms) that the expression names in the zone; null when there is none. Where clocks go
 * forward, a time that is left out is taken at the same distance after the change; where they go back, a fixed time that comes twice
 * is taken once, the first time, while what repeats goes on through both hours.
 */
export function nextTime(cron: string, after: number, timeZone: string | null): number | null {
  return cronOf(cron, timeZone).nextRun(new Date(after))?.getTime() ?? null
}

/** An expression names no year, so what comes after it comes after any time. */
const anyTime = Date.UTC(2000, 0, 1)

/** What is wrong with it, in words; null when it can be used. The same whenever it is asked. */
export function cronMistake(cron: string, timeZone: string | null): string | null {
  if (timeZone !== null && !isZone(timeZone)) return 'there is no time zone of that name'
  const fields = cron.trim().split(/\s+/).length
  if (!cron.startsWith('@') && fields !== 5 && fields !== 6) return `it has ${fields} fields instead of five`
  try {
    return nextTime(cron, anyTime, timeZone) === null ? 'such a time never comes' : null
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^\w+: /, '') : String(error)
  }
}

function cronOf(cron: string, timeZone: string | null): Cron {
  return new Cron(cron, { paused: true, ...(timeZone === null ? {} : { timezone: timeZone }) })
}

function isZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
