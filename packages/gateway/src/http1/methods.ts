import { ascii } from './chars.js'
import type { Head } from './head.js'

const get = ascii('GET')
const head = ascii('HEAD')
const options = ascii('OPTIONS')
const trace = ascii('TRACE')
const reads = ['GET', 'HEAD', 'OPTIONS'].map(ascii)
/** RFC 9110 section 9.2.2: doing it twice is as doing it once. */
const idempotent = ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'].map(ascii)

export function isIdempotent(bytes: Uint8Array, start: number, end: number): boolean {
  for (let index = 0; index < idempotent.length; index++) if (isSame(bytes, start, end, idempotent[index])) return true
  return false
}

/** A method that only reads, and that services answer without doing anything lasting (RFC 9110 section 9.2.1). */
export function isRead({ bytes, methodStart, methodEnd }: Head): boolean {
  for (let index = 0; index < reads.length; index++)
    if (isSame(bytes, methodStart, methodEnd, reads[index])) return true
  return false
}

export function isOptions({ bytes, methodStart, methodEnd }: Head): boolean {
  return isSame(bytes, methodStart, methodEnd, options)
}

export function isTrace({ bytes, methodStart, methodEnd }: Head): boolean {
  return isSame(bytes, methodStart, methodEnd, trace)
}

export function isGetOrHead({ bytes, methodStart, methodEnd }: Head): boolean {
  return isSame(bytes, methodStart, methodEnd, get) || isHead(bytes, methodStart, methodEnd)
}

export function isHead(bytes: Uint8Array, start: number, end: number): boolean {
  return isSame(bytes, start, end, head)
}

/** Methods are compared with regard to case (RFC 9110 section 9.1). */
function isSame(bytes: Uint8Array, start: number, end: number, method: Uint8Array): boolean {
  if (end - start !== method.length) return false
  for (let index = 0; index < method.length; index++) if (bytes[start + index] !== method[index]) return false
  return true
}
