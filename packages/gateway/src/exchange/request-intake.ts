import { bodyOverhead, byChunks, byClose, byLength, noBody } from '../http1/body.js'
import { ChunkDecoder } from '../http1/chunk-decoder.js'
import type { Head } from '../http1/head.js'
import { lastChunk } from '../http1/text.js'
import { endOfChunks, nominatedNames } from '../http1/trailer-fields.js'
import type { CompiledMirror } from '../mirror/compiled-mirror.js'
import type { RequestCopy } from '../mirror/request-copy.js'
import type { UpstreamService } from '../upstream.js'
import type { Exchange } from './exchange.js'
import { requestTrailers, untakingHead } from './trailers.js'

/** A body of up to this many bytes is kept until the answer begins, so that an idempotent request can be sent again. */
const mostKeptBytes = 16 * 1024
/** What may gather of a request's body while there is no connection yet; then the client is not read. */
const mostWaitingBytes = 64 * 1024

/**
 * Takes the body of a request in as it comes, and passes it on: into `outgoing` while there is no connection yet or it is small enough to be kept,
 * else straight to the service; and to the request's copy, where it has one.
 */
export class RequestIntake {
  /** Trailers go to the service in chunks. */
  hasTrailers = false
  readonly #exchange: Exchange
  /** Most requests have no chunks. */
  #decoder: ChunkDecoder | null = null
  /** Of a request that another service gets too; null when none does, or when it has been sent. */
  #copy: RequestCopy | null = null
  /** The body is whole but for the end of its chunks, as policies that are not decided on yet may have a say in its trailers. */
  #isEndDue = false

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  begin(parser: Head): void {
    this.#copy = null
    this.hasTrailers = false
    this.#isEndDue = false
    const { requestBody, client } = this.#exchange
    const length = parser.contentLength
    if (parser.isChunked && client.isFramed) {
      requestBody.begin(byClose, 0, true, null)
    } else if (parser.isChunked) {
      this.#decoder ??= new ChunkDecoder()
      requestBody.begin(byChunks, 0, true, this.#decoder)
      if (parser.hasOtherOption) requestBody.nominated = nominatedNames(parser)
    } else if (length > 0 || (length === 0 && client.isFramed && !client.hasEnded)) {
      requestBody.begin(byLength, length, false, null)
    } else {
      requestBody.begin(noBody, 0, false, null)
    }
  }

  /** Takes bytes of a body that is not whole yet, and returns the offset behind what belongs to it. */
  take(bytes: Uint8Array, at: number, end: number): number {
    const { requestBody: body, timeouts, traffic, attempt, client } = this.#exchange
    timeouts.lastActivity = traffic.wheel.now
    const needed = end - at + bodyOverhead
    const isTaken = this.#isKept(needed) ? this.#keep(bytes, at, end, needed) : this.#pass(bytes, at, end, needed)
    // What came behind a body that cannot be served is dropped.
    if (!isTaken) return end
    const { consumed } = body
    if (body.isDone) {
      if (body.trailers !== null && body.isOutChunked) this.#endChunks()
      this.#onDone()
    } else if (attempt.upstream !== null && attempt.upstream.wire.isBlocked) client.wire.pause()
    return consumed
  }

  /** A framed client has sent all of the body, whose length its head did not say. */
  end(): void {
    const { requestBody: body } = this.#exchange
    if (body.isDone) return
    body.isDone = true
    if (body.isOutChunked) this.#endChunks()
    this.#onDone()
  }

  /** Puts what had come of the body before the head was written behind it. */
  restore(gathered: Uint8Array): void {
    this.#copy?.add(gathered, 0, gathered.length)
    if (gathered.length > 0) this.#exchange.outgoing.append(gathered)
    if (this.#isEndDue) this.#endChunks()
  }

  /** What is framed otherwise than its head says, as for HTTP/2, is not copied; an upgrade is no request to be made twice. */
  beginCopy(mirror: CompiledMirror, parser: Head): void {
    const { requestBody, traits, traffic, outgoing } = this.#exchange
    if (traits.wantsUpgrade || (parser.isChunked && !requestBody.isOutChunked)) return
    this.#copy = traffic.mirrors.begin(mirror, untakingHead(outgoing.bytes.subarray(0, outgoing.headLength)))
  }

  /** The request is whole. */
  sendCopy(): void {
    this.#copy?.send()
    this.#copy = null
  }

  /** Whether bytes of the body go to `outgoing`: before there is a connection, and while a small body is kept so that it can be sent again. */
  #isKept(needed: number): boolean {
    const { attempt, outgoing, traits, routing, response } = this.#exchange
    if (!attempt.isSent) return routing.ownAnswer === null
    return (
      outgoing.isReplayable && traits.isIdempotent && !response.hasHead && outgoing.length + needed <= mostKeptBytes
    )
  }

  #keep(bytes: Uint8Array, at: number, end: number, needed: number): boolean {
    const { requestBody: body, outgoing, attempt, client } = this.#exchange
    const out = outgoing.reserve(needed)
    const from = outgoing.length
    outgoing.length = body.pass(bytes, at, end, out, from)
    if (!this.#isRight()) return false
    this.#copy?.add(out, from, outgoing.length)
    if (!attempt.isSent) {
      if (outgoing.length > mostWaitingBytes && !body.isDone) client.wire.pause()
    } else if (outgoing.length > from) {
      attempt.sendMore(from)
    }
    return true
  }

  #pass(bytes: Uint8Array, at: number, end: number, needed: number): boolean {
    const { requestBody: body, outgoing, attempt, traffic } = this.#exchange
    outgoing.isReplayable = false
    const out = traffic.outputs.ensure(needed)
    const length = body.pass(bytes, at, end, out, 0)
    if (!this.#isRight()) return false
    this.#copy?.add(out, 0, length)
    if (length > 0) attempt.upstream?.wire.send(length)
    return true
  }

  #endChunks(): void {
    const { requestBody: body, outgoing, attempt, routing } = this.#exchange
    const copy = this.#copy
    if (routing.ownAnswer !== null) return
    this.#isEndDue = body.trailers !== null && routing.isBeingDecided
    if (this.#isEndDue) return
    const trailers = body.trailers === null ? null : requestTrailers(this.#exchange)
    const end = endFor(routing.service, trailers)
    if (end !== lastChunk) this.hasTrailers = true
    const copyEnd = endFor(copy?.mirror.service, trailers)
    copy?.add(copyEnd, 0, copyEnd.length)
    if (this.#isKept(end.length)) outgoing.append(end)
    else outgoing.isReplayable = false
    if (attempt.isSent) attempt.upstream?.wire.sendOwned(end)
  }

  /**
   * False when the body that has just been looked at cannot be served; then the client has its answer, and the last one on its connection:
   * what comes next may begin in the middle of a request.
   */
  #isRight(): boolean {
    const exchange = this.#exchange
    const { refusal, passed } = exchange.requestBody
    const maxBodyBytes = exchange.routing.route?.sizes.requestBody ?? exchange.traffic.limits.maxBodyBytes
    const isTooLarge = maxBodyBytes > 0 && passed > maxBodyBytes
    if (refusal === null && !isTooLarge) return true
    exchange.traits.keepsClient = false
    if (refusal !== null) exchange.refuse('bad_request', refusal.detail)
    else exchange.refuse('body_too_large', `The body has more than ${maxBodyBytes} bytes.`)
    return false
  }

  /** All of the body is on its way. */
  #onDone(): void {
    const exchange = this.#exchange
    const { attempt, response } = exchange
    if (attempt.isSent) attempt.upstream?.endRequest()
    this.sendCopy()
    if (response.hasHead && response.isSent) exchange.finish()
  }
}

/** How the chunks end that a service gets: many servers of HTTP/1.1 fail on trailers, so only who says that it reads them has some. */
function endFor(service: UpstreamService | null | undefined, trailers: Uint8Array | null): Uint8Array {
  return trailers !== null && service?.takesTrailers === true ? endOfChunks(trailers) : lastChunk
}
