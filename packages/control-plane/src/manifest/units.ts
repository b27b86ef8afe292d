/** What is wrong with a piece of text, in words. */
export interface Mistake {
  readonly mistake: string
}

export function isMistake<T>(value: T | Mistake): value is Mistake {
  return typeof value === 'object' && value !== null && 'mistake' in value
}

/** The longest time that a timer takes: 2^31 - 1 ms, a little under 25 days. */
const longestMs = 2_147_483_647

const durationUnits = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const

export const durationPattern = String.raw`^(\d+(\.\d+)?(h|ms|m|s))+$|^0$`

/** Milliseconds of a duration in Go's and Compose's form: `10s`, `1m30s`, `500ms`, `1.5h`; `0` needs no unit. */
export function parseDuration(text: string | number): number | Mistake {
  const written = String(text)
  if (written === '0') return 0
  if (/^\d+(\.\d+)?$/.test(written)) {
    return { mistake: `a duration needs a unit: "${written}s" for seconds or "${written}ms" for milliseconds` }
  }
  if (!new RegExp(durationPattern).test(written)) {
    return { mistake: `${quote(written)} is not a duration; write for example "10s", "500ms" or "1m30s"` }
  }
  let sum = 0
  let previous = Infinity
  for (const [, amount, unit] of written.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/g)) {
    const unitMs = durationUnits[unit as keyof typeof durationUnits]
    if (unitMs >= previous)
      return { mistake: `${quote(written)} has its units out of order; write hours, minutes, seconds, milliseconds` }
    previous = unitMs
    sum += Number(amount) * unitMs
  }
  if (sum > longestMs) return { mistake: `${quote(written)} is longer than the longest duration, 24 days` }
  if (!Number.isInteger(Math.round(sum * 1000) / 1000))
    return { mistake: `${quote(written)} is finer than a millisecond` }
  return Math.round(sum)
}

/** The shortest text that `parseDuration` reads back as `ms`, which is a whole number of milliseconds. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0'
  let rest = ms
  let text = ''
  for (const [unit, unitMs] of Object.entries(durationUnits)) {
    const count = Math.floor(rest / unitMs)
    if (count > 0) text += `${count}${unit}`
    rest -= count * unitMs
  }
  return text
}

const sizeUnits: Readonly<Record<string, number>> = { '': 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }

export const sizePattern = String.raw`^\d+(\.\d+)?([bB]|[kKmMgGtT]([iI]?[bB]|[iI])?)?$`

/** Bytes of a size in Compose's form: `64M`, `1g`, `512kb`, `1048576`. Units are powers of 1024; `Ki`, `MiB` mean the same. */
export function parseSize(text: string | number): number | Mistake {
  const written = String(text)
  if (!new RegExp(sizePattern).test(written)) {
    return { mistake: `${quote(written)} is not a size; write bytes or for example "512k", "64M" or "1G"` }
  }
  const amount = Number.parseFloat(written)
  const unit = /[a-z]/i.exec(written)?.[0].toLowerCase() ?? ''
  const bytes = amount * (sizeUnits[unit] ?? 1)
  if (!Number.isSafeInteger(Math.round(bytes))) return { mistake: `${quote(written)} is larger than any memory` }
  return Math.round(bytes)
}

/** The shortest text that `parseSize` reads back as `bytes`. */
export function formatSize(bytes: number): string {
  for (const unit of ['T', 'G', 'M', 'K']) {
    const unitBytes = sizeUnits[unit.toLowerCase()] ?? 1
    if (bytes > 0 && bytes % unitBytes === 0) return `${bytes / unitBytes}${unit}`
  }
  return String(bytes)
}

/** The value in quotes, shortened, so that no message is longer than a screen. */
export function quote(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
  return `"${text.length > 60 ? `${text.slice(0, 57)}...` : text}"`
}
