import { connect, type IncomingHttpHeaders } from 'node:http2'
import type { Address } from '@pando/model'
import { describeConnectionFailure, noAnswer } from './connection-failure.js'
import type { ProbeResult } from './prober.js'

/** A health answer is 7 bytes; whatever sends more than this does not speak the protocol. */
const answerLimit = 4096

/**
 * Healthy when grpc.health.v1.Health/Check answers SERVING. `service` empty asks for the server as a whole.
 * Sources: https://github.com/grpc/grpc/blob/master/doc/health-checking.md, doc/PROTOCOL-HTTP2.md, and Protocol Buffers' encoding.
 */
export function probeGrpc({ host, port }: Address, service: string, timeoutMs: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const session = connect(`http://${host.includes(':') ? `[${host}]` : host}:${port}`)
    const end = (ok: boolean, detail: string): void => {
      clearTimeout(timer)
      resolve({ ok, detail: `grpc health check: ${detail}` })
      session.destroy()
    }
    const timer = setTimeout(() => end(false, noAnswer(timeoutMs)), timeoutMs)
    session.on('error', (error: NodeJS.ErrnoException) => end(false, describeConnectionFailure(error)))
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': 'pando-health',
    })
    const chunks: Buffer[] = []
    let length = 0
    let head: IncomingHttpHeaders = {}
    let trailers: IncomingHttpHeaders = {}
    stream.on('error', (error: NodeJS.ErrnoException) => end(false, describeConnectionFailure(error)))
    stream.on('response', (headers) => (head = headers))
    stream.on('trailers', (headers) => (trailers = headers))
    stream.on('data', (chunk: Buffer) => {
      length += chunk.length
      chunks.push(chunk)
      if (length > answerLimit) end(false, 'its answer is too long')
    })
    stream.once('close', () => {
      const { ok, detail } = judge(head, trailers, Buffer.concat(chunks))
      end(ok, detail)
    })
    stream.end(checkRequest(service))
  })
}

function judge(head: IncomingHttpHeaders, trailers: IncomingHttpHeaders, body: Buffer): ProbeResult {
  if (head[':status'] !== undefined && Number(head[':status']) !== 200) {
    return { ok: false, detail: `HTTP status ${head[':status']}` }
  }
  // An answer without a body has its status in its only headers.
  const status = trailers['grpc-status'] ?? head['grpc-status']
  if (status === undefined) return { ok: false, detail: 'connection closed without an answer' }
  if (Number(status) !== 0)
    return { ok: false, detail: grpcStatuses[Number(status)] ?? `grpc status ${String(status)}` }
  const serving = servingStatus(body)
  return { ok: serving === 1, detail: servingStatuses[serving ?? -1] ?? 'its answer cannot be read' }
}

/** HealthCheckRequest { string service = 1 } behind gRPC's five bytes: not compressed, length. */
function checkRequest(service: string): Buffer {
  const name = Buffer.from(service)
  const field = name.length === 0 ? [] : [Buffer.from([0x0a]), varint(name.length), name]
  const message = Buffer.concat(field)
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

/** HealthCheckResponse { ServingStatus status = 1 }: an absent field is 0. Null when it is anything else. */
function servingStatus(body: Buffer): number | null {
  if (body.length < 5 || body[0] !== 0 || body.readUInt32BE(1) !== body.length - 5) return null
  if (body.length === 5) return 0
  const [tag, status, ...rest] = body.subarray(5)
  return tag === 0x08 && status !== undefined && status < 0x80 && rest.length === 0 ? status : null
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let left = value
  for (; left > 0x7f; left >>>= 7) bytes.push((left & 0x7f) | 0x80)
  return Buffer.from([...bytes, left])
}

const servingStatuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']

/** Those that a health check meets. */
const grpcStatuses: Record<number, string> = {
  4: 'DEADLINE_EXCEEDED',
  5: 'NOT_FOUND: the server does not know that service',
  7: 'PERMISSION_DENIED',
  12: 'UNIMPLEMENTED: the server has no health service',
  14: 'UNAVAILABLE',
  16: 'UNAUTHENTICATED',
}
