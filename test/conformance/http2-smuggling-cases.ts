import type { Field } from '../gateway/http2-client.js'

/** A request of HTTP/2 that HTTP/1.1 behind the gateway could be made to read as two, or as another one. */
export interface Http2Case {
  readonly fields: readonly Field[]
  readonly data: string | null
  readonly trailers: readonly Field[] | null
}

const inner = 'GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n'
const pseudo = { ':method': 'POST', ':scheme': 'http', ':path': '/', ':authority': 'h' }

function request(
  changed: Readonly<Record<string, string | null>>,
  more: readonly Field[],
  data: string | null,
  trailers: readonly Field[] | null = null,
): Http2Case {
  const fields = Object.entries({ ...pseudo, ...changed }).filter(
    (field): field is [string, string] => field[1] !== null,
  )
  return { fields: [...fields, ...more], data, trailers }
}

const headers = (more: readonly Field[], data: string | null = inner): Http2Case => request({}, more, data)
const trailing = (trailers: readonly Field[], data: string | null = null): Http2Case => request({}, [], data, trailers)

export const http2Cases: readonly Http2Case[] = [
  // H2.CL: a length other than that of the data.
  headers([['content-length', '0']]),
  headers([['content-length', '5']]),
  headers([['content-length', String(inner.length)]]),
  headers([['content-length', String(inner.length + 10)]]),
  headers([['content-length', `+${inner.length}`]]),
  headers([['content-length', `${inner.length}, ${inner.length}`]]),
  headers([
    ['content-length', '0'],
    ['content-length', String(inner.length)],
  ]),
  headers([['content_length', '0']]),
  headers([['content-length', '10']], null),
  // H2.TE: a coding that HTTP/2 does not have.
  headers([['transfer-encoding', 'chunked']], `0\r\n\r\n${inner}`),
  headers([['transfer_encoding', 'chunked']], `0\r\n\r\n${inner}`),
  headers([['te', 'trailers, chunked']], `0\r\n\r\n${inner}`),
  headers([['Transfer-Encoding', 'chunked']], `0\r\n\r\n${inner}`),
  headers([['transfer-encoding', 'identity']]),
  // What would end a line, or a head.
  headers([['x', `y\r\ntransfer-encoding: chunked`]], `0\r\n\r\n${inner}`),
  headers([['x', `y\r\n\r\n${inner}`]], null),
  headers([['x', `y\n\n${inner}`]], null),
  headers([['x', 'y\0z']], null),
  headers([[`x: y\r\ntransfer-encoding`, 'chunked']], `0\r\n\r\n${inner}`),
  headers([['transfer-encoding: chunked\r\nx', 'y']], `0\r\n\r\n${inner}`),
  headers([['transfer-encoding ', 'chunked']], `0\r\n\r\n${inner}`),
  headers([['transfer-encoding:', 'chunked']], `0\r\n\r\n${inner}`),
  headers([['x y', 'z']], null),
  headers([['', 'z']], null),
  headers([['x', ' y ']], null),
  headers([['cookie', `a=b\r\nx: y`]], null),
  // Trailers.
  trailing([['x', 'y']]),
  trailing([['x', 'y']], inner),
  trailing([['content-length', String(inner.length)]], inner),
  trailing([['transfer-encoding', 'chunked']], `0\r\n\r\n${inner}`),
  trailing([['transfer_encoding', 'chunked']], `0\r\n\r\n${inner}`),
  trailing([['x', `y\r\n\r\n${inner}`]]),
  trailing([['x: y\r\n\r\nGET /smuggled HTTP/1.1\r\nhost', 'h']]),
  trailing([['xxget', '/smuggled HTTP/1.1']]),
  trailing([['x', 'y'.repeat(16_000)]]),
  trailing([[':path', '/smuggled']]),
  // Pseudo-header fields.
  request({ ':path': `/ HTTP/1.1\r\nHost: h\r\n\r\n${inner}` }, [], null),
  request({ ':path': '/a b' }, [], null),
  request({ ':path': '/a\tb' }, [], null),
  request({ ':path': '' }, [], null),
  request({ ':path': 'a' }, [], null),
  request({ ':path': 'http://other/a' }, [], null),
  request({ ':path': '*' }, [], null),
  request({ ':path': '/%00' }, [], null),
  request({ ':path': '/..;/a' }, [], null),
  request({ ':path': null }, [], null),
  request({ ':method': `GET / HTTP/1.1\r\nHost: h\r\n\r\n${inner}` }, [], null),
  request({ ':method': 'GET /a' }, [], null),
  request({ ':method': '' }, [], null),
  request({ ':method': 'CONNECT' }, [], inner),
  request({ ':method': 'CONNECT', ':scheme': null, ':path': null }, [], inner),
  request({ ':method': null }, [], null),
  request({ ':scheme': 'http://h/?' }, [], null),
  request({ ':scheme': null }, [], null),
  request({ ':authority': `h\r\nx: y` }, [], null),
  request({ ':authority': 'user@h' }, [], null),
  request({ ':authority': 'h/a' }, [], null),
  request({ ':authority': 'h' }, [['host', 'other']], null),
  request({ ':authority': null }, [], null),
  request({ ':authority': null }, [['host', 'h']], null),
  request(
    { ':authority': null },
    [
      ['host', 'h'],
      ['host', 'other'],
    ],
    null,
  ),
  request({ ':authority': 'h:0x50' }, [], null),
  headers([[':path', '/smuggled']], null),
  headers(
    [
      ['x', 'y'],
      [':authority', 'other'],
    ],
    null,
  ),
  headers([[':status', '200']], null),
  headers([[':unknown', 'x']], null),
  // What belongs to a connection of HTTP/1.1.
  headers([['connection', 'keep-alive, content-length']]),
  headers([['connection', 'close']], null),
  headers([
    ['upgrade', 'websocket'],
    ['connection', 'upgrade'],
  ]),
  headers([['keep-alive', 'timeout=5']], null),
  headers([['proxy-connection', 'keep-alive']], null),
  headers([['expect', '100-continue']]),
  headers([['host', 'h']]),
  headers([]),
  headers([], null),
]
