import { ackFlag, goawayFrame, pingFrame, resetFrame, settingsFrame, windowUpdateFrame } from './frame-types.js'

/** Writers of frames (RFC 9113 section 6): each writes to `out` at `to` and returns the offset behind the frame. */

export function putFrameHead(
  out: Uint8Array,
  to: number,
  { length, type, flags, stream }: { length: number; type: number; flags: number; stream: number },
): number {
  out[to] = length >>> 16
  out[to + 1] = length >>> 8
  out[to + 2] = length
  out[to + 3] = type
  out[to + 4] = flags
  return putNumber(out, to + 5, stream)
}

export type Setting = readonly [identifier: number, value: number]

export function putSettings(out: Uint8Array, to: number, settings: readonly Setting[]): number {
  to = putFrameHead(out, to, { length: settings.length * 6, type: settingsFrame, flags: 0, stream: 0 })
  for (const [identifier, value] of settings) {
    out[to] = identifier >>> 8
    out[to + 1] = identifier
    to = putNumber(out, to + 2, value)
  }
  return to
}

export function putSettingsAck(out: Uint8Array, to: number): number {
  return putFrameHead(out, to, { length: 0, type: settingsFrame, flags: ackFlag, stream: 0 })
}

/** A PING with the eight bytes at `payload[start]`. */
export function putPing(out: Uint8Array, to: number, isAck: boolean, payload: Uint8Array, start: number): number {
  to = putFrameHead(out, to, { length: 8, type: pingFrame, flags: isAck ? ackFlag : 0, stream: 0 })
  for (let index = 0; index < 8; index++) out[to++] = payload[start + index]
  return to
}

export function putReset(out: Uint8Array, to: number, stream: number, code: number): number {
  to = putFrameHead(out, to, { length: 4, type: resetFrame, flags: 0, stream })
  return putNumber(out, to, code)
}

export function putWindowUpdate(out: Uint8Array, to: number, stream: number, increment: number): number {
  to = putFrameHead(out, to, { length: 4, type: windowUpdateFrame, flags: 0, stream })
  return putNumber(out, to, increment)
}

/** `detail` tells people why, in ASCII; at most 200 bytes of it are sent. */
export function putGoaway(out: Uint8Array, to: number, lastStream: number, code: number, detail: string): number {
  const text = Buffer.from(detail.slice(0, mostDetail), 'latin1')
  to = putFrameHead(out, to, { length: 8 + text.length, type: goawayFrame, flags: 0, stream: 0 })
  to = putNumber(out, to, lastStream)
  to = putNumber(out, to, code)
  out.set(text, to)
  return to + text.length
}

const mostDetail = 200

function putNumber(out: Uint8Array, to: number, value: number): number {
  out[to] = value >>> 24
  out[to + 1] = value >>> 16
  out[to + 2] = value >>> 8
  out[to + 3] = value
  return to + 4
}
