import { bodyOverhead, byChunks, byClose, byLength, noBody } from '../http1/body.js'
import type { ExchangeUpstream } from '../http1/exchange-upstream.js'
import type { Head } from '../http1/head.js'
import { responseHeadSize } from '../http1/response-writer.js'
import { nominatedNames } from '../http1/trailer-fields.js'
import type { CompiledRoute } from '../route-table/compiled-route.js'
import { mergeEdits } from '../route-table/header-edit.js'
import { responseExcess } from '../route-table/sizes.js'
import type { UpstreamEndpoint } from '../upstream-endpoint.js'
import type { Exchange } from './exchange.js'
import { responseTrailerEdit } from './trailers.js'

/** Passes the head of an answer on as its client is to get it, and with it what `bytes[at, end)` holds of the body; or answers in its stead. */
export function startResponse(exchange: Exchange, parser: Head, bytes: Uint8Array, at: number, end: number): void {
  const { account, call, client, response, routing, second, traffic, traits } = exchange
  const { isFramed } = routing
  const incoming = framingOf(parser, traits.isHead, isFramed)
  const { sizes, encoding } = routing.route as CompiledRoute
  const excess = responseExcess(sizes, parser.end - parser.start, incoming === noBody ? -1 : parser.contentLength)
  if (excess !== null) {
    exchange.refuse('response_too_large', excess)
    return
  }
  if (routing.admission !== null && isAnsweredInstead(exchange, parser, incoming, end - at)) return
  const encoder =
    encoding === null || incoming === noBody || call.isCall ? null : response.beginEncoding(encoding, parser)
  const isEncoded = encoder !== null
  const hasUnknownLength = isEncoded || isOfUnknownLength(parser, incoming)
  beginBody(exchange, parser, incoming, hasUnknownLength && !isEncoded)
  decideConnections(exchange, parser, incoming, hasUnknownLength)

  let edit = routing.responseEdit()
  if (encoding !== null)
    edit = mergeEdits(edit, encoder === null ? encoding.plainEdit(routing.coding, parser) : encoder.edit)
  if (parser.trailerIndex !== -1) {
    edit = mergeEdits(edit, responseTrailerEdit(exchange, parser, { incoming, hasUnknownLength, isEncoded }))
  }
  const { shape } = traffic
  shape.edit = edit
  // HEAD is told what GET would have been told (RFC 9112 section 6.1).
  shape.isChunked = !traits.isOldClient && (hasUnknownLength || (traits.isHead && parser.isChunked))
  shape.keepsLength = parser.status !== 204 && !isEncoded
  shape.connection = 'implied'
  if (!traits.keepsClient) shape.connection = 'close'
  else if (traits.isOldClient) shape.connection = 'keep-alive'
  shape.date = parser.dateIndex === -1 ? traffic.dateLine() : null
  const out = traffic.outputs.ensure(responseHeadSize(parser, edit) + end - at + bodyOverhead)
  const length = client.writeHead(parser, shape, out)
  account.status = parser.status
  response.onHeadSent()
  response.judge(call.onHead(parser))
  if (second.isWanted) second.note(account.elapsedMs())
  response.relay(bytes, at, end, out, length)
}

/** How the end of an answer's body is known (RFC 9112 section 6.3). `isFramed`: the service's protocol says it by itself. */
export function framingOf(parser: Head, isHead: boolean, isFramed: boolean): number {
  if (isHead || parser.status === 204 || parser.status === 304) return noBody
  if (isFramed) return byClose
  if (parser.isChunked) return byChunks
  return parser.contentLength >= 0 ? byLength : byClose
}

/** Whether the connection to the service can serve again once the answer is whole (RFC 9112 section 9.3). */
export function keepsConnection(parser: Head, incoming: number): boolean {
  if (incoming === byClose || parser.hasClose) return false
  return parser.minorVersion === 1 || parser.hasKeepAlive
}

/** The head does not say how long the body is that follows. */
function isOfUnknownLength(parser: Head, incoming: number): boolean {
  return incoming === byChunks || (incoming === byClose && parser.contentLength === -1)
}

/** Whether a policy gives the client another answer, now that it has seen the head of this one. */
function isAnsweredInstead(exchange: Exchange, parser: Head, incoming: number, rest: number): boolean {
  const { attempt, response, routing } = exchange
  const instead = response.showHead(parser, incoming !== byClose || routing.isFramed)
  if (instead === null) return false
  attempt.note(attempt.endpoint as UpstreamEndpoint, parser.status)
  attempt.letGo(parser, rest === 0)
  exchange.answer(instead)
  return true
}

function beginBody(exchange: Exchange, parser: Head, incoming: number, needsChunks: boolean): void {
  const { attempt, client, responseBody, traits } = exchange
  const isOutChunked = needsChunks && !traits.isOldClient && !client.isFramed
  const decoder = incoming === byChunks ? (attempt.upstream as ExchangeUpstream).decoder : null
  responseBody.begin(incoming, parser.contentLength, isOutChunked, decoder)
  if (decoder !== null && parser.hasOtherOption) responseBody.nominated = nominatedNames(parser)
}

/** Whether the two connections can serve again after this answer. */
function decideConnections(
  { attempt, client, requestBody, response, routing, traffic, traits }: Exchange,
  parser: Head,
  incoming: number,
  hasUnknownLength: boolean,
): void {
  response.keepsUpstream = routing.isFramed || keepsConnection(parser, incoming)
  if (parser.keepAliveSeconds !== -1) (attempt.upstream as ExchangeUpstream).limitIdle(parser.keepAliveSeconds)
  if (
    (hasUnknownLength && traits.isOldClient) ||
    client.hasEnded ||
    traffic.isClosing ||
    // A client that waits for 100 may or may not send its body after this: what comes next on the connection cannot be told.
    (!requestBody.isDone && (traits.expectsContinue || !response.keepsUpstream))
  ) {
    traits.keepsClient = false
  }
}
