import type { GrpcStatus } from '../grpc/grpc-status.js'
import { bodyOverhead, byClose, noBody } from '../http1/body.js'
import type { ExchangeUpstream } from '../http1/exchange-upstream.js'
import type { Head } from '../http1/head.js'
import { incomplete, refused } from '../http1/head-parser.js'
import type { OwnAnswer } from '../http1/own-answer.js'
import type { ResponseEncoder, ResponseEncoding } from '../http1/response-encoder.js'
import type { ResponseTap } from '../http1/response-tap.js'
import { lastChunk } from '../http1/text.js'
import { endOfChunks, fieldsOf, linesOf } from '../http1/trailer-fields.js'
import type { CompiledRoute } from '../route-table/compiled-route.js'
import type { UpstreamEndpoint } from '../upstream-endpoint.js'
import { EncodedBody, type EncodedBodyOwner } from './encoded-body.js'
import type { Exchange } from './exchange.js'
import { passInterim, switchProtocols } from './informational.js'
import { startResponse } from './response-head.js'
import { responseTrailers } from './trailers.js'

const mostInterim = 32
const noBytes = new Uint8Array(0)

/**
 * The answer of a service on its way to the client. From the moment that it `hasHead` the client has part of it, and there is no other.
 *
 * Whatever calls `exchange.finish`, `refuse` or `cut` does nothing after it: the client may have begun its next request by then.
 */
export class ExchangeResponse implements EncodedBodyOwner {
  /** Its head has been passed on. */
  hasHead = false
  /** The upstream can serve again when the answer is whole. */
  keepsUpstream = false
  readonly #exchange: Exchange
  #interimCount = 0
  /** Of an answer whose body is encoded, until the client has all of it. */
  #encoded: EncodedBody | null = null
  /** Sees it on its way; null when nobody does. */
  #tap: ResponseTap | null = null

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  /** A new request. */
  begin(): void {
    this.hasHead = false
    this.keepsUpstream = false
    this.#interimCount = 0
    this.#encoded = null
    this.#tap = null
    this.#exchange.responseBody.begin(noBody, 0, false, null)
  }

  /** The client has been sent all of it. */
  get isSent(): boolean {
    return this.#exchange.responseBody.isDone && this.#encoded === null
  }

  /** Takes what the upstream sends. */
  onBytes(bytes: Uint8Array, at: number, end: number): void {
    const { attempt, responseBody, second, timeouts, traffic } = this.#exchange
    timeouts.lastActivity = traffic.wheel.now
    attempt.hasAnswerBytes = true
    if (!this.hasHead) {
      if (second.isWanted) second.end()
      this.#readHeads(bytes, at, end)
    } else if (responseBody.isDone) {
      this.keepsUpstream = false
    } else {
      this.relay(bytes, at, end, traffic.outputs.ensure(end - at + bodyOverhead), 0)
    }
  }

  /** Lets whoever wants to see the answer on its way see its head; gives what the client is to get in its stead, or null. */
  showHead(parser: Head, canBeWhole: boolean): OwnAnswer | null {
    this.#tap = this.#exchange.routing.admission?.request.tap ?? null
    return this.#tap === null ? null : this.#tap.onHead(parser, canBeWhole)
  }

  /** The encoder that the body goes through from here on; null when it goes as it is. */
  beginEncoding(encoding: ResponseEncoding, parser: Head): ResponseEncoder | null {
    const { client, routing, traffic } = this.#exchange
    const body = new EncodedBody(client, traffic.outputs, this)
    const encoder = encoding.begin(routing.coding, parser, body, traffic.encoders)
    if (encoder === null) return null
    body.begin(encoder)
    this.#encoded = body
    return encoder
  }

  /** The head has been passed on. */
  onHeadSent(): void {
    this.hasHead = true
    this.#exchange.timeouts.attemptDeadline = 0
  }

  /** Passes on what `bytes[at, end)` holds of the body, behind the `to` bytes that `out` holds already. */
  relay(bytes: Uint8Array, at: number, end: number, out: Buffer, to: number): void {
    if (this.#encoded !== null) {
      this.#encode(this.#encoded, bytes, at, end, out, to)
      return
    }
    const exchange = this.#exchange
    const { attempt, client, responseBody: body } = exchange
    let consumed = at
    if (!body.isDone) {
      to = body.pass(bytes, at, end, out, to)
      consumed = body.consumed
      this.#tap?.onBody(out, body.dataStart, body.dataEnd)
    }
    if (this.#isTooLarge()) {
      exchange.cut()
      return
    }
    const { wire } = client
    if (to > 0) wire.send(to)
    if (body.refusal !== null) {
      exchange.cut()
    } else if (body.isDone) {
      if (consumed !== end) this.keepsUpstream = false
      this.#tap?.onEnd()
      const { trailers } = body
      this.judge(exchange.call.onEnd(trailers === null ? null : fieldsOf(trailers)))
      this.#endBody(trailers)
    } else if (wire.isBlocked) {
      attempt.upstream?.wire.pause()
    }
  }

  /** The upstream has ended its sending, as the body does that has no other end. False when there is none such. */
  onUpstreamEnd(trailers: Head | null): boolean {
    const exchange = this.#exchange
    const { call, responseBody: body, routing } = exchange
    if (!this.hasHead || body.incoming !== byClose || body.isDone) return false
    body.isDone = true
    if (routing.isFramed) this.#tap?.onEnd()
    const lines = trailers === null ? null : linesOf(trailers)
    if (this.#encoded !== null) {
      this.#encoded.end(noBytes, 0, lines === null ? null : responseTrailers(exchange, lines, true))
      return true
    }
    this.judge(call.onEnd(trailers))
    this.#endBody(lines)
    return true
  }

  /** The upstream has gone since the head was passed on. */
  onUpstreamLost(failure: string): void {
    const exchange = this.#exchange
    const { requestBody, responseBody, traits } = exchange
    if (!responseBody.isDone) {
      exchange.refuse('upstream_closed', `The connection to it ended in the middle of its answer: ${failure}.`)
    } else if (this.#encoded !== null) {
      // What the client still has to get is in the encoder.
      if (!requestBody.isDone) traits.keepsClient = false
    } else {
      // It had answered before it had the whole request, and does not want the rest.
      traits.keepsClient = false
      exchange.finish()
    }
  }

  onClientDrain(): void {
    if (this.#encoded === null) this.#exchange.attempt.upstream?.wire.resume()
    else this.#encoded.onClientDrain()
  }

  onEncodedProgress(): void {
    const { timeouts, traffic } = this.#exchange
    timeouts.lastActivity = traffic.wheel.now
  }

  onEncodedDrain(): void {
    this.#exchange.attempt.upstream?.wire.resume()
  }

  onEncodedEnd(): void {
    this.#encoded = null
    this.#afterBody()
  }

  onEncodedFailed(): void {
    this.#exchange.cut()
  }

  /** What the service has answered; null when it has not said yet, or has been judged by that. */
  judge(outcome: number | GrpcStatus | null): void {
    if (outcome === null) return
    const { account, attempt } = this.#exchange
    if (typeof outcome === 'object') account.status = outcome.httpStatus
    attempt.note(attempt.endpoint as UpstreamEndpoint, outcome)
  }

  /** The exchange is over, however it went. */
  close(): void {
    this.#encoded?.destroy()
    this.#encoded = null
    this.#tap = null
  }

  #readHeads(bytes: Uint8Array, at: number, end: number): void {
    const exchange = this.#exchange
    const { head } = exchange.attempt.upstream as ExchangeUpstream
    for (;;) {
      const outcome = head.read(bytes, at, end)
      if (outcome === incomplete) return
      const { parser } = head
      if (outcome === refused) {
        exchange.refuseInvalid(parser.refusal.detail)
        return
      }
      bytes = head.bytes
      at = head.restStart
      end = head.restEnd
      if (parser.status >= 200 || parser.status === 101) {
        this.#onHead(parser, bytes, at, end)
        return
      }
      if (++this.#interimCount > mostInterim) {
        exchange.refuseInvalid('It sends interim responses without end.')
        return
      }
      passInterim(exchange, parser)
      if (at === end) return
    }
  }

  /** The head of the answer has come. */
  #onHead(parser: Head, bytes: Uint8Array, at: number, end: number): void {
    const exchange = this.#exchange
    const { call, further, traits } = exchange
    if ((parser.status >= 429 || call.isCall) && further.insteadOf(parser, end - at)) return
    if (parser.status !== 101) startResponse(exchange, parser, bytes, at, end)
    else if (traits.wantsUpgrade && parser.upgradeIndex !== -1) switchProtocols(exchange, parser, bytes, at, end)
    else exchange.refuseInvalid('It switches protocols unasked.')
  }

  /** As `relay`, by way of the encoder: what it gives comes when it comes. */
  #encode(encoded: EncodedBody, bytes: Uint8Array, at: number, end: number, out: Buffer, headLength: number): void {
    const exchange = this.#exchange
    const { attempt, responseBody: body } = exchange
    const dataEnd = body.pass(bytes, at, end, out, headLength)
    this.#tap?.onBody(out, headLength, dataEnd)
    if (body.refusal !== null || this.#isTooLarge()) {
      exchange.cut()
      return
    }
    const data = out.subarray(headLength, dataEnd)
    if (body.isDone) {
      this.#tap?.onEnd()
      if (body.consumed !== end) this.keepsUpstream = false
      encoded.end(data, headLength, body.trailers === null ? null : responseTrailers(exchange, body.trailers, true))
      return
    }
    encoded.write(data, headLength)
    if (encoded.isFull) attempt.upstream?.wire.pause()
  }

  #isTooLarge(): boolean {
    const { responseBody, routing } = this.#exchange
    return responseBody.passed > (routing.route as CompiledRoute).sizes.responseBody
  }

  /** The client has been given all of the body, and gets what it is to have of the `lines` that came behind it. */
  #endBody(lines: Uint8Array | null): void {
    const exchange = this.#exchange
    const { client, responseBody: body } = exchange
    const trailers = lines === null ? null : responseTrailers(exchange, lines, false)
    // The end of chunks that came without trailers is written with them.
    if (body.isOutChunked && (lines !== null || body.incoming === byClose)) {
      client.wire.sendOwned(trailers === null ? lastChunk : endOfChunks(trailers))
    }
    if (client.isFramed) client.endBody(trailers)
    this.#afterBody()
  }

  /** The client has the whole answer. An upstream may answer before the request has ended: then the rest still goes its way. */
  #afterBody(): void {
    const exchange = this.#exchange
    const { requestBody, traits } = exchange
    if (!requestBody.isDone) {
      if (this.keepsUpstream && !traits.expectsContinue) return
      traits.keepsClient = false
    }
    exchange.finish()
  }
}
