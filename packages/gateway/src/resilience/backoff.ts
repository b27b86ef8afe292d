/** The longest that a request is held back before its next try, whatever an answer's Retry-After says. */
export const longestWaitMs = 5_000
const mostDoublings = 5

/**
 * Milliseconds before try `retry` (1 is the second try): by chance anything up to `baseMs`, doubled with every further one. Chance
 * keeps requests that failed together from coming back together. `random` gives numbers in [0, 1).
 */
export function backoffMs(retry: number, baseMs: number, random: () => number): number {
  return Math.min(longestWaitMs, random() * baseMs * 2 ** Math.min(mostDoublings, retry - 1))
}

/**
 * What a Retry-After header asks for, in milliseconds from `unixMs` on; null when it is none (RFC 9110 section 10.2.3: seconds, or a date).
 */
export function retryAfterMs(value: string, unixMs: number): number | null {
  const text = value.trim()
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text)) return null
  const at = Date.parse(text)
  return Number.isNaN(at) ? null : Math.max(0, at - unixMs)
}
