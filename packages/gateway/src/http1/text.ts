import { ascii, hexDigits } from './chars.js'
import { copy } from './words.js'

/** Pieces of heads that the gateway writes. */
export const crlf = ascii('\r\n')
export const httpVersion = ascii(' HTTP/1.1\r\n')
export const statusLine = ascii('HTTP/1.1 ')
export const hostName = ascii('Host: ')
export const contentLengthName = ascii('Content-Length: ')
export const forwardedForName = ascii('X-Forwarded-For: ')
export const requestIdName = ascii('X-Request-Id: ')
export const traceparentName = ascii('traceparent: 00-')
export const upgradeName = ascii('Connection: Upgrade\r\nUpgrade: ')
export const closeLine = ascii('Connection: close\r\n')
export const keepAliveLine = ascii('Connection: keep-alive\r\n')
export const chunkedLine = ascii('Transfer-Encoding: chunked\r\n')
/** The last chunk with its CR LF; trailers and an empty line follow. */
export const lastChunkLine = ascii('0\r\n')
export const lastChunk = ascii('0\r\n\r\n')

export function put(out: Uint8Array, at: number, bytes: Uint8Array): number {
  return copy(bytes, 0, bytes.length, out, at)
}

/** A short text: by hand that is cheaper than any call. */
export function putAscii(out: Uint8Array, at: number, text: string): number {
  for (let index = 0; index < text.length; index++) out[at + index] = text.charCodeAt(index)
  return at + text.length
}

/** How many hex digits `size` needs. */
export function hexLength(size: number): number {
  let digits = 1
  while (size >= 16) {
    size = Math.floor(size / 16)
    digits++
  }
  return digits
}

/** `size` in exactly `digits` hex digits (leading zeros are allowed in a chunk size) and CR LF. */
export function putChunkSize(out: Uint8Array, at: number, digits: number, size: number): void {
  for (let index = at + digits - 1; index >= at; index--) {
    out[index] = hexDigits[size & 15]
    size >>>= 4
  }
  out[at + digits] = 0x0d
  out[at + digits + 1] = 0x0a
}
