import { huffmanCodes, huffmanLengths } from './huffman-code.js'

/** How many bytes `bytes[start, end)` takes when encoded. */
export function huffmanLength(bytes: Uint8Array, start: number, end: number): number {
  const lengths = huffmanLengths
  let bits = 0
  for (let at = start; at < end; at++) bits += lengths[bytes[at]]
  return (bits + 7) >>> 3
}

/** Writes `bytes[start, end)` encoded to `out` at `to`, the last byte filled up with ones; returns the offset behind it. */
export function encodeHuffman(bytes: Uint8Array, start: number, end: number, out: Uint8Array, to: number): number {
  const codes = huffmanCodes
  const lengths = huffmanLengths
  // At most seven bits are left over and a code has at most 28, so the two together may need more than 32: a long code goes in two parts.
  let pending = 0
  let count = 0
  for (let at = start; at < end; at++) {
    const byte = bytes[at]
    let length = lengths[byte]
    const code = codes[byte]
    if (length > 16) {
      length -= 16
      pending = (pending << length) | (code >>> 16)
      count += length
      while (count >= 8) {
        count -= 8
        out[to++] = pending >>> count
      }
      length = 16
    }
    pending = (pending << length) | (code & ((1 << length) - 1))
    count += length
    while (count >= 8) {
      count -= 8
      out[to++] = pending >>> count
    }
  }
  if (count > 0) out[to++] = (pending << (8 - count)) | (0xff >>> count)
  return to
}
