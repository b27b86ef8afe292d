import { knownKinds, plain } from './field-kinds.js'
import type { WordBuffer } from './words.js'

/** Fields that pass untouched and that most messages have some of. A name that is not here is read letter by letter. */
const plainNames = [
  'accept accept-charset accept-encoding accept-language accept-ranges access-control-allow-credentials access-control-allow-headers',
  'access-control-allow-methods access-control-allow-origin access-control-expose-headers access-control-max-age',
  'access-control-request-headers access-control-request-method allow alt-svc authorization baggage cache-control content-disposition',
  'content-encoding content-language content-location content-range content-security-policy content-type cookie cross-origin-opener-policy',
  'cross-origin-resource-policy etag expires from grpc-accept-encoding grpc-encoding grpc-message grpc-status grpc-timeout',
  'idempotency-key if-match if-modified-since if-none-match if-range if-unmodified-since last-modified link location origin pragma',
  'priority range referer referrer-policy retry-after sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform sec-fetch-dest sec-fetch-mode',
  'sec-fetch-site sec-fetch-user sec-websocket-accept sec-websocket-extensions sec-websocket-key sec-websocket-protocol',
  'sec-websocket-version server set-cookie strict-transport-security tracestate upgrade-insecure-requests user-agent vary',
  'www-authenticate x-api-key x-content-type-options x-correlation-id x-frame-options x-powered-by x-requested-with',
]
  .join(' ')
  .split(' ')

/** One word at a time is compared, so a name has at least one. */
const shortest = 4
const none = -1
const known: readonly (readonly [string, number])[] = [
  ...[...knownKinds].filter(([name]) => name.length >= shortest),
  ...plainNames.map((name) => [name, plain] as const),
]

/** What the field of this number means: the constants of `field-kinds.ts`. */
export const kinds = Uint8Array.from(known, ([, kind]) => kind)
const lengths = Uint8Array.from(known, ([name]) => name.length)

// Each name as words, the last of which may repeat letters of the one before it; `folds` has the bit in which a capital differs from its letter.
const starts = new Int32Array(known.length + 1)
known.forEach(([name], index) => (starts[index + 1] = starts[index] + Math.ceil(name.length / 4)))
const texts = new Int32Array(starts[known.length])
const folds = new Int32Array(starts[known.length])

/** By what their first four bytes hash to: the number of a name, and behind each name the next one. */
const slotBits = 9
const firsts = new Int16Array(1 << slotBits).fill(none)
const nexts = new Int16Array(known.length).fill(none)
const allFolded = 0x20202020

known.forEach(([name], index) => {
  const bytes = Buffer.from(name)
  for (let at = starts[index], from = 0; at < starts[index + 1]; at++, from = Math.min(from + 4, name.length - 4)) {
    texts[at] = bytes.readInt32LE(from)
    for (let byte = 0; byte < 4; byte++) if (isLetter(bytes[from + byte])) folds[at] |= 0x20 << (byte * 8)
  }
  const slot = slotOf(bytes.readInt32LE(0))
  nexts[index] = firsts[slot]
  firsts[slot] = index
})

/**
 * The number of the known name that stands at `bytes[start]`, in letters of any case, with its colon before `stop`; -1 when another name does,
 * or what is none. Most lines of most messages are known, and a known name needs no look at its letters one by one.
 */
export function knownName(bytes: WordBuffer, start: number, stop: number): number {
  if (stop - start <= shortest) return none
  const { words } = bytes
  let name = firsts[slotOf(words.getInt32(start, true))]
  while (name !== none) {
    const end = start + lengths[name]
    if (end < stop && bytes[end] === 0x3a && isName(words, start, end, name)) return name
    name = nexts[name]
  }
  return none
}

/** How many bytes the name of this number has. */
export function knownLength(name: number): number {
  return lengths[name]
}

function isName(words: DataView, start: number, end: number, name: number): boolean {
  const last = starts[name + 1] - 1
  for (let at = starts[name]; at < last; at++, start += 4) {
    if ((words.getInt32(start, true) | folds[at]) !== texts[at]) return false
  }
  return (words.getInt32(end - 4, true) | folds[last]) === texts[last]
}

function slotOf(word: number): number {
  return Math.imul(word | allFolded, 0x9e3779b1) >>> (32 - slotBits)
}

function isLetter(byte: number): boolean {
  return byte >= 0x61 && byte <= 0x7a
}
