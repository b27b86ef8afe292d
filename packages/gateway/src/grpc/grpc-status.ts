import { ascii } from '../http1/chars.js'
import type { FieldsView } from '../http1/request-view.js'
import { headerText } from './grpc-header.js'

/** How a call of gRPC ended (https://github.com/grpc/grpc/blob/master/doc/statuscodes.md). */
export interface GrpcStatus {
  /** 0 to 16. */
  readonly code: number
  readonly name: string
  /**
   * The status of HTTP that it stands for, by which it is judged and counted as an answer of HTTP is: the mapping of
   * https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto, but for UNIMPLEMENTED. That one is said to whoever asks for a method
   * that is not there, so it stands for 404, from which https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md makes it, and not for 501.
   */
  readonly httpStatus: number
}

const known = [
  ['OK', 200],
  ['CANCELLED', 499],
  ['UNKNOWN', 500],
  ['INVALID_ARGUMENT', 400],
  ['DEADLINE_EXCEEDED', 504],
  ['NOT_FOUND', 404],
  ['ALREADY_EXISTS', 409],
  ['PERMISSION_DENIED', 403],
  ['RESOURCE_EXHAUSTED', 429],
  ['FAILED_PRECONDITION', 400],
  ['ABORTED', 409],
  ['OUT_OF_RANGE', 400],
  ['UNIMPLEMENTED', 404],
  ['INTERNAL', 500],
  ['UNAVAILABLE', 503],
  ['DATA_LOSS', 500],
  ['UNAUTHENTICATED', 401],
] as const

export type GrpcStatusName = (typeof known)[number][0]

/** All of them, by their code. */
export const grpcStatuses: readonly GrpcStatus[] = known.map(([name, httpStatus], code) => ({ code, name, httpStatus }))

const byName = new Map<string, GrpcStatus>(grpcStatuses.map((status) => [status.name, status]))

export function grpcStatus(name: GrpcStatusName): GrpcStatus {
  return byName.get(name) as GrpcStatus
}

/** What a client takes a call for that ends without a status, or with one that is none. */
export const unknownStatus = grpcStatus('UNKNOWN')

const statusName = ascii('grpc-status')
const pushbackName = ascii('grpc-retry-pushback-ms')

/** The status that a head or trailers say; null when they say none. One beyond those that are known is UNKNOWN to every client. */
export function readGrpcStatus(head: FieldsView): GrpcStatus | null {
  const text = headerText(head, statusName)
  if (text === null) return null
  return (/^\d{1,9}$/.test(text) ? grpcStatuses[Number(text)] : undefined) ?? unknownStatus
}

/** What a client makes of an answer that is none of gRPC (https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md). */
export function statusFromHttp(status: number): GrpcStatus {
  switch (status) {
    case 400:
      return grpcStatus('INTERNAL')
    case 401:
      return grpcStatus('UNAUTHENTICATED')
    case 403:
      return grpcStatus('PERMISSION_DENIED')
    case 404:
      return grpcStatus('UNIMPLEMENTED')
    case 429:
    case 502:
    case 503:
    case 504:
      return grpcStatus('UNAVAILABLE')
    default:
      return unknownStatus
  }
}

/**
 * When the service wants a call to be tried again, milliseconds from now; null when it does not say, `never` when it does not want it: a number below
 * zero, or what is no number (https://github.com/grpc/proposal/blob/master/A6-client-retries.md, "Pushback").
 */
export function pushbackMs(head: FieldsView): number | 'never' | null {
  const text = headerText(head, pushbackName)
  if (text === null) return null
  return /^\d{1,9}$/.test(text) ? Number(text) : 'never'
}
