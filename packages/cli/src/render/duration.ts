import { PandoError } from '@pando/model'

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Two units at most: `850ms` is `0s`, then `45s`, `3m 20s`, `2h 5m`, `4d 1h`. */
export function renderDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ]
  const first = parts.findIndex(([count]) => count > 0)
  if (first === -1) return '0s'
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join(' ')
}

/** Milliseconds of `90s`, `10m`, `1h30m`, `500ms`, `2d`. Throws `usage` for anything else. */
export function parseDuration(text: string, option: string): number {
  const isWhole = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/.test(text)
  if (!isWhole) {
    throw new PandoError('usage', `${option} ${text} is no duration`, { hint: 'write it as 90s, 10m, 1h30m or 2d' })
  }
  let total = 0
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(count) * (unitsMs[unit ?? ''] ?? 0)
  }
  return Math.round(total)
}

/** Unix time, ms: so long before `now`, or an ISO 8601 date and time. Throws `usage` for anything else. */
export function parseSince(text: string, now: number): number {
  if (/^\d{4}-\d{2}-\d{2}/.test(text)) {
    const at = Date.parse(text)
    if (!Number.isNaN(at)) return at
  } else if (/^\d+(?:\.\d+)?(?:ms|s|m|h|d)/.test(text)) {
    return now - parseDuration(text, '--since')
  }
  throw new PandoError('usage', `--since ${text} is neither a duration nor a date`, {
    hint: 'write it as 10m, 1h30m, 2026-01-31 or 2026-01-31T09:30:00Z',
  })
}

export function renderBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  const units = ['KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes / 1024
  let unit = 0
  while (value >= 1023.95 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${value >= 10 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** Local time of day, to the second. */
export function renderTime(at: number): string {
  const date = new Date(at)
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')
}
