/**
 * What one exchange leaves in the access log. A worker has one and fills it anew for each exchange; the byte ranges must be alive only
 * during `AccessLog.append`. No field holds a query string or a credential: such things cannot be logged by mistake.
 */
export class AccessRecord {
  client = ''
  /** Buffer that `method` and `host` are ranges of. */
  bytes: Uint8Array = noBytes
  methodStart = 0
  methodEnd = 0
  hostStart = 0
  hostEnd = 0
  /** Normal form. */
  path: Uint8Array = noBytes
  pathLength = 0
  /** 0: no response was sent. Of a call of gRPC, what its own status stands for. */
  status = 0
  /** Name of the status that a call of gRPC ended with; empty for what is no call, or ended without one. */
  grpcStatus = ''
  requestBytes = 0
  responseBytes = 0
  durationMs = 0
  route = ''
  service = ''
  /** Id of the endpoint that answered, empty when the gateway did. */
  endpoint = ''
  /** Id of the endpoint that was asked last when the gateway answered by itself; empty when none was, or when one answered. */
  asked = ''
  /** Revision of the endpoint that answered or was asked last; empty when there is none. */
  revision = ''
  /** Why the gateway answered by itself, or empty. */
  reason = ''
  /** The answer was broken off after its head had gone out. */
  isCut = false
  /** How often it was sent again. */
  retries = 0
  requestId: Uint8Array = noBytes
  requestIdStart = 0
  requestIdEnd = 0
}

const noBytes = new Uint8Array(0)

/** Bytes that stand for themselves in a JSON string. */
const isPlain = new Uint8Array(256)
for (let byte = 0x20; byte < 0x7f; byte++) isPlain[byte] = byte === 0x22 || byte === 0x5c ? 0 : 1

const hex = Buffer.from('0123456789abcdef')

/** Bytes that `writeRecord` may need: six for each variable byte (`\u00ff`) and room for names and numbers. */
export function recordSize(record: AccessRecord): number {
  const bytes = record.methodEnd - record.methodStart + (record.hostEnd - record.hostStart) + record.pathLength
  const texts =
    record.client.length +
    record.route.length +
    record.service.length +
    record.endpoint.length +
    record.asked.length +
    record.revision.length
  return 512 + 6 * (bytes + texts + record.reason.length + (record.requestIdEnd - record.requestIdStart))
}

/** Writes one JSON line at `out[at]` and returns the offset behind it. `time` is ISO 8601. */
export function writeRecord(record: AccessRecord, time: string, out: Buffer, at: number): number {
  at = writeAscii(out, at, '{"time":"')
  at = writeAscii(out, at, time)
  at = writeAscii(out, at, '","client":"')
  at = writeText(out, at, record.client)
  at = writeAscii(out, at, '","method":"')
  at = writeBytes(out, at, record.bytes, record.methodStart, record.methodEnd)
  at = writeAscii(out, at, '","host":"')
  at = writeBytes(out, at, record.bytes, record.hostStart, record.hostEnd)
  at = writeAscii(out, at, '","path":"')
  at = writeBytes(out, at, record.path, 0, record.pathLength)
  at = writeAscii(out, at, '","status":')
  at = writeNumber(out, at, record.status)
  if (record.grpcStatus !== '') {
    at = writeAscii(out, at, ',"grpcStatus":"')
    at = writeAscii(out, at, record.grpcStatus)
    at = writeAscii(out, at, '"')
  }
  at = writeAscii(out, at, ',"requestBytes":')
  at = writeNumber(out, at, record.requestBytes)
  at = writeAscii(out, at, ',"responseBytes":')
  at = writeNumber(out, at, record.responseBytes)
  at = writeAscii(out, at, ',"durationMs":')
  at = writeNumber(out, at, Math.round(record.durationMs * 100) / 100)
  at = writeAscii(out, at, ',"route":"')
  at = writeText(out, at, record.route)
  at = writeAscii(out, at, '","service":"')
  at = writeText(out, at, record.service)
  at = writeAscii(out, at, '","endpoint":"')
  at = writeText(out, at, record.endpoint)
  if (record.reason !== '') {
    at = writeAscii(out, at, '","reason":"')
    at = writeText(out, at, record.reason)
  }
  if (record.asked !== '') {
    at = writeAscii(out, at, '","asked":"')
    at = writeText(out, at, record.asked)
  }
  if (record.revision !== '') {
    at = writeAscii(out, at, '","revision":"')
    at = writeText(out, at, record.revision)
  }
  at = writeAscii(out, at, '"')
  if (record.isCut) at = writeAscii(out, at, ',"cut":true')
  if (record.retries > 0) {
    at = writeAscii(out, at, ',"retries":')
    at = writeNumber(out, at, record.retries)
  }
  at = writeAscii(out, at, ',"requestId":"')
  at = writeBytes(out, at, record.requestId, record.requestIdStart, record.requestIdEnd)
  return writeAscii(out, at, '"}\n')
}

/** For texts of our own, all ASCII. A byte a step beats `latin1Write` for texts this short. */
function writeAscii(out: Buffer, at: number, text: string): number {
  for (let index = 0; index < text.length; index++) out[at++] = text.charCodeAt(index)
  return at
}

function writeNumber(out: Buffer, at: number, value: number): number {
  return writeAscii(out, at, String(value))
}

/** UTF-16 code units as they are: what is not plain becomes an escape, so the line is ASCII. */
function writeText(out: Buffer, at: number, text: string): number {
  for (let index = 0; index < text.length; index++) at = writeUnit(out, at, text.charCodeAt(index))
  return at
}

/** Bytes as the latin1 characters that HTTP takes them for. */
function writeBytes(out: Buffer, at: number, bytes: Uint8Array, start: number, end: number): number {
  for (let index = start; index < end; index++) at = writeUnit(out, at, bytes[index])
  return at
}

function writeUnit(out: Buffer, at: number, unit: number): number {
  if (unit < 256 && isPlain[unit] === 1) {
    out[at] = unit
    return at + 1
  }
  out[at] = 0x5c
  out[at + 1] = 0x75
  out[at + 2] = hex[unit >> 12]
  out[at + 3] = hex[(unit >> 8) & 15]
  out[at + 4] = hex[(unit >> 4) & 15]
  out[at + 5] = hex[unit & 15]
  return at + 6
}
