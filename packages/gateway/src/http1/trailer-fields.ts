import { fieldKind, plain } from './field-kinds.js'

/**
 * Beside those that mean something to the gateway: what says who asks, what a body is made of, or how a request is to be handled has no
 * place behind it (RFC 9110 section 6.5.1), where whoever judged the head has not seen it.
 */
const misplaced: ReadonlySet<string> = new Set([
  'authorization',
  'cache-control',
  'content-encoding',
  'content-range',
  'content-type',
  'cookie',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'max-forwards',
  'pragma',
  'proxy-authorization',
  'range',
])

/** Whether the field whose name is `bytes[start, end)`, in lower case, may go on as a trailer. `_` counts as `-`, as behind CGI. */
export function mayTrail(bytes: Uint8Array, start: number, end: number): boolean {
  if (fieldKind(bytes, start, end) !== plain) return false
  return !misplaced.has(Buffer.from(bytes.subarray(start, end)).toString('latin1').replaceAll('_', '-'))
}
