import { preface } from '../http2/frame-types.js'
import type { HeadReader } from './head-reader.js'

/** As much of the preface as stands in what the parser takes for a request line. */
const requestLineLength = 16

/**
 * Whether the head that was just refused is the beginning of HTTP/2 with prior knowledge (RFC 9113 section 3.3): asked only of what is no
 * HTTP/1.1, so that it costs other requests nothing. Some of the preface may still be on its way.
 */
export function beginsHttp2({ parser, bytes, restEnd }: HeadReader): boolean {
  const end = Math.min(parser.start + requestLineLength, restEnd)
  for (let at = parser.start; at < end; at++) if (bytes[at] !== preface[at - parser.start]) return false
  return true
}
