import { ascii, equalsName } from '../http1/chars.js'
import type { RequestView } from '../http1/request-view.js'
import { headerIndex, headerText } from './grpc-header.js'

const contentType = ascii('content-type')
const grpcType = ascii('application/grpc')
const timeout = ascii('grpc-timeout')

/**
 * Whether the request is a gRPC call: `application/grpc`, alone or with `+proto`, `+json` and the like or a parameter behind it (gRPC over HTTP/2,
 * "Requests"; https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). gRPC-Web is not one.
 */
export function isGrpc(view: RequestView): boolean {
  const index = headerIndex(view, contentType)
  if (index === -1) return false
  const start = view.headers[index * 4 + 2]
  const end = view.headers[index * 4 + 3]
  const behind = start + grpcType.length
  if (end < behind || !equalsName(view.bytes, start, behind, grpcType)) return false
  return behind === end || view.bytes[behind] === 0x2b || view.bytes[behind] === 0x3b
}

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }

/** What `grpc-timeout` says, milliseconds, rounded up to whole ones; null when there is none, or when it is not one to eight digits and a unit. */
export function grpcTimeoutMs(view: RequestView): number | null {
  const text = headerText(view, timeout)
  if (text === null) return null
  const match = /^(\d{1,8})([HMSmun])$/.exec(text)
  return match === null ? null : Math.ceil(Number(match[1]) * (unitMs[match[2]] ?? 0))
}
