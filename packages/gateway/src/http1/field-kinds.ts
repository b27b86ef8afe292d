import { ascii, lowerCase } from './chars.js'

/**
 * What a field means to the gateway. Everything else passes untouched (`plain`).
 * Hop-by-hop fields: RFC 9110 section 7.6.1.
 */
export const plain = 0
export const host = 1
export const connection = 2
export const contentLength = 3
export const transferEncoding = 4
export const upgrade = 5
/** Concerns one connection only: never forwarded. */
export const hop = 6
export const expect = 7
export const requestId = 8
export const traceparent = 9
/**
 * Says who the client is (`X-Forwarded-*`, `Forwarded`, `X-Real-IP`), or what it asked a proxy for (`X-Original-URL`, `X-Rewrite-URL`, which some
 * frameworks route by): from outside it is anyone's claim, so it is replaced.
 */
export const identity = 10
export const keepAlive = 11
export const date = 12
/** When the caller stops waiting (`X-Request-Deadline`): the gateway says it anew, and from outside it is nobody's to say. */
export const deadline = 13
/** Speak of trailers: never forwarded as they are, but said anew where trailers go on (`trailer-fields.ts`). */
export const te = 14
export const trailer = 15

/** The names that mean anything to the gateway, but for those that begin with `x-forwarded-`. */
export const knownKinds: ReadonlyMap<string, number> = new Map([
  ['host', host],
  ['connection', connection],
  ['content-length', contentLength],
  ['transfer-encoding', transferEncoding],
  ['upgrade', upgrade],
  ['te', te],
  ['trailer', trailer],
  ['proxy-connection', hop],
  ['http2-settings', hop],
  ['expect', expect],
  ['x-request-id', requestId],
  ['traceparent', traceparent],
  ['forwarded', identity],
  ['x-real-ip', identity],
  ['x-original-url', identity],
  ['x-rewrite-url', identity],
  ['keep-alive', keepAlive],
  ['date', date],
  ['x-request-deadline', deadline],
])

interface KnownName {
  readonly bytes: Uint8Array
  readonly kind: number
}

const longest = 18
const noName = 255
/** By length and the low five bits of the first letter, where no two known names meet: the index of the only one that it may be. */
const candidates = new Uint8Array((longest + 1) * 32).fill(noName)
const known: readonly KnownName[] = Array.from(knownKinds, ([name, kind]) => ({ bytes: ascii(name), kind }))
known.forEach(({ bytes }, index) => {
  candidates[bytes.length * 32 + (bytes[0] & 31)] = index
})

const forwardedPrefix = ascii('x-forwarded-')

/** Lower case, and `_` as `-`: CGI and WSGI make one variable of both. */
const folded = lowerCase.slice()
folded[0x5f] = 0x2d

/**
 * Looks a name up by its length first, then by bytes. A name that equals a known one only when `_` is read as `-` is `hop`, so that
 * it is dropped: behind CGI, `X_Forwarded_For` would pass for the real field.
 */
export function fieldKind(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start
  if (length <= longest) {
    const candidate = candidates[length * 32 + (bytes[start] & 31)]
    if (candidate !== noName) {
      const name = known[candidate]
      if (startsWith(bytes, start, name.bytes)) return hasUnderscore(bytes, start, end) ? hop : name.kind
    }
  }
  if (length > forwardedPrefix.length && (bytes[start] & 31) === 0x18 && startsWith(bytes, start, forwardedPrefix)) {
    return hasUnderscore(bytes, start, end) ? hop : identity
  }
  return plain
}

function startsWith(bytes: Uint8Array, start: number, name: Uint8Array): boolean {
  for (let index = 0; index < name.length; index++) {
    if (folded[bytes[start + index]] !== name[index]) return false
  }
  return true
}

function hasUnderscore(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] === 0x5f) return true
  return false
}
