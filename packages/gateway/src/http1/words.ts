/**
 * A buffer that can also be read and written four bytes at a time, which makes copying and checking bytes three times as cheap as one by one.
 *
 * It is an ordinary `Buffer` with one property more, and a prototype of its own between it and `Buffer.prototype`: so `instanceof` tells it
 * apart, which compiles to one comparison, where asking any buffer for a property that it may lack costs more than it saves.
 */
export class WordBuffer extends Uint8Array {
  declare readonly words: DataView
}
Object.setPrototypeOf(WordBuffer.prototype, Buffer.prototype)

/** `length` bytes of any content. For buffers that stay: it costs more to make than any other. */
export function wordBuffer(length: number): Buffer & WordBuffer {
  return withWords(Buffer.allocUnsafeSlow(length))
}

/** Makes a buffer one that has words. */
export function withWords(buffer: Buffer): Buffer & WordBuffer {
  const words = new DataView(buffer.buffer, buffer.byteOffset, buffer.length)
  Object.setPrototypeOf(buffer, WordBuffer.prototype)
  return Object.assign(buffer, { words }) as Buffer & WordBuffer
}

/** Up to this many bytes go by hand: making the view that the platform's own copy needs costs more. */
const mostByHand = 512

/** Copies `from[start, end)` to `out`, another buffer, at `to` and returns the offset behind it. */
export function copy(from: Uint8Array, start: number, end: number, out: Uint8Array, to: number): number {
  const length = end - start
  if (length > mostByHand) {
    out.set(from.subarray(start, end), to)
    return to + length
  }
  if (length < 4 || !(from instanceof WordBuffer) || !(out instanceof WordBuffer)) {
    for (let at = start; at < end; at++) out[to++] = from[at]
    return to
  }
  const source = from.words
  const target = out.words
  // The last word may repeat some of the bytes before it.
  const last = end - 4
  const behind = to + length
  for (let at = start; at < last; at += 4, to += 4) target.setInt32(to, source.getInt32(at, true), true)
  target.setInt32(behind - 4, source.getInt32(last, true), true)
  return behind
}

/** Whether `length` bytes of the one, from `at` on, are those of the other. */
export function isSame(one: Uint8Array, at: number, other: Uint8Array, otherAt: number, length: number): boolean {
  const end = at + length
  if (length >= 4 && one instanceof WordBuffer && other instanceof WordBuffer) {
    const words = one.words
    const otherWords = other.words
    const last = end - 4
    for (; at < last; at += 4, otherAt += 4) if (words.getInt32(at) !== otherWords.getInt32(otherAt)) return false
    return words.getInt32(last) === otherWords.getInt32(otherAt + last - at)
  }
  while (at < end) if (one[at++] !== other[otherAt++]) return false
  return true
}
