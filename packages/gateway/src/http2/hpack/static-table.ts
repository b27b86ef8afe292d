import { ascii } from '../../http1/chars.js'
import { checkValue, classifyName } from './field-class.js'

/** RFC 7541, Appendix A, in order; `name` or `name: value`. */
const fields = `:authority
:method: GET
:method: POST
:path: /
:path: /index.html
:scheme: http
:scheme: https
:status: 200
:status: 204
:status: 206
:status: 304
:status: 400
:status: 404
:status: 500
accept-charset
accept-encoding: gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate`.split('\n')

export const staticCount = fields.length

/** All lines `name: value\r\n`, one after the other. */
export const staticBytes: Uint8Array = ascii(fields.map((field) => `${nameOf(field)}: ${valueOf(field)}\r\n`).join(''))
/** By index (from 1): where the line begins, its name's length, its whole length, its class. */
export const staticStarts = new Uint16Array(staticCount + 1)
export const staticNameLengths = new Uint8Array(staticCount + 1)
export const staticLengths = new Uint8Array(staticCount + 1)
export const staticClasses = new Uint16Array(staticCount + 1)

/** The first index of each name. */
export const staticNames = new Map<string, number>()

let start = 0
for (const [position, field] of fields.entries()) {
  const index = position + 1
  const name = nameOf(field)
  const length = name.length + valueOf(field).length + 4
  staticStarts[index] = start
  staticNameLengths[index] = name.length
  staticLengths[index] = length
  const nameClass = classifyName(staticBytes, start, start + name.length)
  staticClasses[index] = nameClass | checkValue(nameClass, staticBytes, start + name.length + 2, start + length - 2)
  if (!staticNames.has(name)) staticNames.set(name, index)
  start += length
}

function nameOf(field: string): string {
  const colon = field.indexOf(':', 1)
  return colon === -1 ? field : field.slice(0, colon)
}

function valueOf(field: string): string {
  return field.slice(nameOf(field).length + 2)
}
