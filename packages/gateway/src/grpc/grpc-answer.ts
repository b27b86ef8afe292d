import { type OwnAnswer, statusOf } from '../http1/own-answer.js'
import { type Reason, reasons } from '../problem.js'

/** Status codes of gRPC (https://github.com/grpc/grpc/blob/master/doc/statuscodes.md). */
const code = {
  unknown: 2,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const

/** Where a reason says more than the status of HTTP that it stands for. */
const byReason: Partial<Record<Reason, number>> = {
  upstream_timeout: code.deadlineExceeded,
  request_timeout: code.deadlineExceeded,
  rate_limited: code.resourceExhausted,
  body_too_large: code.resourceExhausted,
  head_too_large: code.resourceExhausted,
}

/** What a status of HTTP means to a client of gRPC (https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md). */
function codeOfStatus(status: number): number {
  switch (status) {
    case 400:
      return code.internal
    case 401:
      return code.unauthenticated
    case 403:
      return code.permissionDenied
    case 404:
      return code.unimplemented
    case 429:
    case 502:
    case 503:
    case 504:
      return code.unavailable
    default:
      return code.unknown
  }
}

/**
 * The same answer as a client of gRPC expects it: 200 with the status of the call in the head and no body ("Trailers-Only"). A client would
 * otherwise have to guess from the status of HTTP.
 */
export function grpcAnswer(answer: OwnAnswer): OwnAnswer {
  const status = statusOf(answer)
  if (status < 300) return answer
  const isProblem = answer.kind === 'problem'
  const grpcStatus = (isProblem ? byReason[answer.reason] : undefined) ?? codeOfStatus(status)
  const message = isProblem ? `${reasons[answer.reason].title}: ${answer.detail}` : `The gateway answered ${status}.`
  return {
    kind: 'response',
    status: 200,
    headers: [
      ['content-type', 'application/grpc'],
      ['grpc-status', String(grpcStatus)],
      ['grpc-message', percentEncoded(message)],
      ...(answer.kind === 'redirect' ? [] : (answer.headers ?? [])).filter(([name]) => !/^content-/i.test(name)),
    ],
  }
}

/** `grpc-message`: UTF-8, everything but printable ASCII and `%` itself percent-encoded. */
function percentEncoded(text: string): string {
  let encoded = ''
  for (const byte of Buffer.from(text)) {
    encoded +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}
