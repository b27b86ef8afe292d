import type { Head } from '../http1/head.js'
import type { FieldsView } from '../http1/request-view.js'
import { type GrpcStatus, readGrpcStatus, statusFromHttp, unknownStatus } from './grpc-status.js'

/**
 * What becomes of one call of gRPC, or of a request that is none. Nearly every answer of gRPC has the status 200 of HTTP: how the call ended is said
 * behind its messages, or in the head when there are none. An exchange has one and uses it for one request after the other.
 */
export class CallStatus {
  /** Of a call, when it is known. */
  status: GrpcStatus | null = null
  isCall = false

  begin(isCall: boolean): void {
    this.isCall = isCall
    this.status = null
  }

  /** What an answer with that head is judged by; null when that is said behind it. */
  saidBy(head: Head): number | GrpcStatus | null {
    return this.isCall && head.status === 200 ? readGrpcStatus(head) : head.status
  }

  /** The client gets the answer with that head: what it is judged by, as `saidBy` has it. */
  onHead(head: Head): number | GrpcStatus | null {
    const said = this.saidBy(head)
    if (this.isCall) this.status = typeof said === 'number' ? statusFromHttp(said) : said
    return said
  }

  /** The answer is whole: what it is judged by; null when that has been done by its head. */
  onEnd(trailers: FieldsView | null): GrpcStatus | null {
    if (!this.isCall || this.status !== null) return null
    this.status = (trailers === null ? null : readGrpcStatus(trailers)) ?? unknownStatus
    return this.status
  }
}
