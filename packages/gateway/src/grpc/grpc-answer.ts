import { type OwnAnswer, statusOf } from '../http1/own-answer.js'
import { type Reason, reasons } from '../problem.js'
import { type GrpcStatus, grpcStatus, type GrpcStatusName, statusFromHttp } from './grpc-status.js'

/** Where a reason says more than the status of HTTP that it stands for. */
const byReason: Partial<Record<Reason, GrpcStatusName>> = {
  upstream_timeout: 'DEADLINE_EXCEEDED',
  request_timeout: 'DEADLINE_EXCEEDED',
  rate_limited: 'RESOURCE_EXHAUSTED',
  body_too_large: 'RESOURCE_EXHAUSTED',
  head_too_large: 'RESOURCE_EXHAUSTED',
}

/** The status that a client of gRPC gets in the place of that answer; OK for one that is none of failure. */
export function statusOfAnswer(answer: OwnAnswer): GrpcStatus {
  const name = answer.kind === 'problem' ? byReason[answer.reason] : undefined
  if (name !== undefined) return grpcStatus(name)
  const status = statusOf(answer)
  return status < 300 ? grpcStatus('OK') : statusFromHttp(status)
}

/**
 * The same answer as a client of gRPC expects it: 200 with the status of the call in the head and no body ("Trailers-Only"). A client would
 * otherwise have to guess from the status of HTTP.
 */
export function grpcAnswer(answer: OwnAnswer): OwnAnswer {
  const status = statusOf(answer)
  if (status < 300) return answer
  const isProblem = answer.kind === 'problem'
  const message = isProblem ? `${reasons[answer.reason].title}: ${answer.detail}` : `The gateway answered ${status}.`
  return {
    kind: 'response',
    status: 200,
    headers: [
      ['content-type', 'application/grpc'],
      ['grpc-status', String(statusOfAnswer(answer).code)],
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
