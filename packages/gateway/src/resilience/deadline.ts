/**
 * When whoever asked stops waiting, as the services on the way are told: `X-Request-Deadline`, milliseconds since the epoch. It is absolute, so
 * that it stays right while a request waits or is sent again; the services of an app share a clock, or nearly.
 */

/** The moment that the digits in `bytes[start, end)` name; 0 when they are none, which is no deadline. */
export function readDeadline(bytes: Uint8Array, start: number, end: number): number {
  if (end === start || end - start > 15) return 0
  let value = 0
  for (let at = start; at < end; at++) {
    const digit = bytes[at] - 0x30
    if (digit < 0 || digit > 9) return 0
    value = value * 10 + digit
  }
  return value
}

/** Milliseconds left for a request: what the route gives it (0: any time) or what its caller still waits, whichever is shorter. */
export function remainingMs(ownMs: number, callersDeadline: number, unixMs: number): number {
  if (callersDeadline === 0) return ownMs
  // One that is over leaves a moment: 0 would be no deadline at all.
  const left = Math.max(1, callersDeadline - unixMs)
  return ownMs === 0 ? left : Math.min(ownMs, left)
}
