import { endOfString, huffmanCodes, huffmanLengths } from './huffman-code.js'

/**
 * Decoding by half bytes: the code's tree has 256 inner nodes, and for each of them and each of the 16 half bytes one number says where
 * four bits lead and which byte they complete (no code is shorter than five bits, so never two). 16 KiB, and two loads a byte.
 *
 *     bit 17      bit 16          bits 15-8     bits 7-0
 *     wrong       a byte is out   the byte      next node
 */
const emits = 1 << 16
const wrong = 1 << 17

/** Two numbers a node: an inner node, or a leaf as ~symbol. */
function buildTree(): Int16Array {
  const tree = new Int16Array(512)
  let count = 1
  for (let symbol = 0; symbol <= endOfString; symbol++) {
    const length = huffmanLengths[symbol]
    let node = 0
    for (let bit = length - 1; bit > 0; bit--) {
      const at = node * 2 + ((huffmanCodes[symbol] >>> bit) & 1)
      if (tree[at] === 0) tree[at] = count++
      node = tree[at]
    }
    tree[node * 2 + (huffmanCodes[symbol] & 1)] = ~symbol
  }
  return tree
}

const tree = buildTree()

const steps = new Uint32Array(256 * 16)
for (let from = 0; from < 256; from++) {
  for (let half = 0; half < 16; half++) {
    let node = from
    let step = 0
    for (let bit = 3; bit >= 0; bit--) {
      const next = tree[node * 2 + ((half >> bit) & 1)]
      if (next >= 0) {
        node = next
        continue
      }
      const symbol = ~next
      step |= symbol === endOfString ? wrong : emits | (symbol << 8)
      node = 0
    }
    steps[from * 16 + half] = step | node
  }
}

/** Nodes at which a string may end: at most seven bits into the code of the end of string, all ones (RFC 7541 section 5.2). */
const isEnd = new Uint8Array(256)
for (let node = 0, depth = 0; depth <= 7; depth++) {
  isEnd[node] = 1
  node = tree[node * 2 + 1]
}

/** Bytes that `length` encoded ones decode to at most: the shortest code has five bits. */
export function mostDecoded(length: number): number {
  return Math.floor((length * 8) / 5)
}

/** Writes what `bytes[at, end)` encodes to `out` at `to`. Returns the offset behind it, or -1 when it is not a valid string. */
export function decodeHuffman(bytes: Uint8Array, at: number, end: number, out: Uint8Array, to: number): number {
  const table = steps
  let node = 0
  let seen = 0
  for (; at < end; at++) {
    const byte = bytes[at]
    const first = table[(node << 4) | (byte >> 4)]
    if ((first & emits) !== 0) out[to++] = (first >> 8) & 0xff
    const second = table[((first & 0xff) << 4) | (byte & 15)]
    if ((second & emits) !== 0) out[to++] = (second >> 8) & 0xff
    node = second & 0xff
    seen |= first | second
  }
  return (seen & wrong) !== 0 || isEnd[node] === 0 ? -1 : to
}
