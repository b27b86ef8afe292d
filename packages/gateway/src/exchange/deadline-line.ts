import { grpcTimeoutMs } from '../grpc/grpc-request.js'
import { readDeadline, remainingMs } from '../resilience/deadline.js'
import { CompiledEdit } from '../route-table/header-edit.js'
import * as kind from '../http1/field-kinds.js'
import type { Head } from '../http1/head.js'

/** Instead of a deadline: the caller waits no more. */
export const isOver = -1

export interface TimeGiven {
  /** The route's or the gateway's, milliseconds; 0 is none. */
  readonly ownMs: number
  /** It may bring a `grpc-timeout` along. */
  readonly isGrpc: boolean
  /** Its caller is believed what it says of its own deadline. */
  readonly isMesh: boolean
}

/** When nobody waits for the answer any more, milliseconds since the epoch; 0 when somebody always does. */
export function deadlineOf(parser: Head, { ownMs, isGrpc, isMesh }: TimeGiven): number {
  const callMs = isGrpc ? grpcTimeoutMs(parser) : null
  const callers = isMesh ? callersDeadline(parser) : 0
  if (ownMs === 0 && callMs === null && callers === 0) return 0
  const unixMs = Date.now()
  if (callers > 0 && callers <= unixMs) return isOver
  const givenMs = callMs === null ? ownMs : remainingMs(ownMs, unixMs + callMs, unixMs)
  return unixMs + remainingMs(givenMs, callers, unixMs)
}

/** Tells the service when nobody waits for its answer any more. */
export function deadlineEdit(unixMs: number): CompiledEdit {
  return new CompiledEdit([], Buffer.from(`X-Request-Deadline: ${unixMs}\r\n`))
}

function callersDeadline({ bytes, headers, headerCount, kinds }: Head): number {
  for (let index = 0; index < headerCount; index++) {
    if (kinds[index] === kind.deadline) return readDeadline(bytes, headers[index * 4 + 2], headers[index * 4 + 3])
  }
  return 0
}
