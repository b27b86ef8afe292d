import { latin1 } from './chars.js'

/** A name as trailers are told apart by it: in lower case, `_` as `-`, as behind CGI they are one. */
export function fieldName(bytes: Uint8Array, start: number, end: number): string {
  return latin1(bytes, start, end).toLowerCase().replaceAll('_', '-')
}
