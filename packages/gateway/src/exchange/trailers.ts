import { byChunks, byClose } from '../http1/body.js'
import type { Head } from '../http1/head.js'
import { isOfBytes, keptTrailers, namesOf, trailerLine } from '../http1/trailer-fields.js'
import { crlf } from '../http1/text.js'
import { CompiledEdit } from '../route-table/header-edit.js'
import type { Exchange } from './exchange.js'

const taking = 'TE: trailers\r\nConnection: TE\r\n'
const takingEdit = new CompiledEdit([], Buffer.from(taking))
const takingEnd = Buffer.from(`${taking}\r\n`)

/** How the head that goes to the service speaks of trailers (RFC 9110 sections 6.6.2 and 10.1.4); null where it does not. */
export function requestTrailerEdit(exchange: Exchange, parser: Head): CompiledEdit | null {
  if (parser.teIndex === -1 && parser.trailerIndex === -1) return null
  const { call, requestBody: body, routing, traits } = exchange
  // HTTP/2 says it by itself, and a call's head has said all that gRPC wants.
  const te = traits.takesTrailers && !traits.isHead && !traits.wantsUpgrade && !routing.isFramed ? taking : ''
  const hasPlace = body.incoming === byChunks || body.incoming === byClose
  const mayCome = hasPlace && routing.service?.takesTrailers === true && !call.isCall
  const line = mayCome ? trailerLine(parser, wantedOfRequest(exchange, null)) : ''
  if (line === '') return te === '' ? null : takingEdit
  return new CompiledEdit([], Buffer.from(line + te, 'latin1'))
}

/** A head, with its empty line, without what `requestTrailerEdit` says of the answer, for whoever drops that. */
export function untakingHead(head: Buffer): Buffer {
  const end = head.length - takingEnd.length
  return end > 0 && takingEnd.equals(head.subarray(end)) ? Buffer.concat([head.subarray(0, end), crlf]) : head
}

/** What goes on of the fields behind a request's body, once its route's policies have been decided on; null when nothing does. */
export function requestTrailers(exchange: Exchange): Uint8Array | null {
  const { trailers } = exchange.requestBody
  const { bytes, headLength } = exchange.outgoing
  return trailers === null ? null : keptTrailers(trailers, wantedOfRequest(exchange, namesOf(bytes, headLength)))
}

/** `Trailer` of the head that the client gets; null where it gets none. `hasUnknownLength`: of the body that it gets. */
export function responseTrailerEdit(
  exchange: Exchange,
  parser: Head,
  { incoming, hasUnknownLength, isEncoded }: { incoming: number; hasUnknownLength: boolean; isEncoded: boolean },
): CompiledEdit | null {
  const { call, client, routing, traits } = exchange
  const mayCome = incoming === byChunks || (incoming === byClose && routing.isFramed)
  const mayGo = client.isFramed || (traits.takesTrailers && hasUnknownLength)
  if (!mayCome || !mayGo || call.isCall) return null
  const line = trailerLine(parser, wantedOfResponse(exchange, isEncoded))
  return line === '' ? null : new CompiledEdit([], Buffer.from(line, 'latin1'))
}

/** What the client gets of the fields behind an answer's body, `lines`; null when it gets none. A call of gRPC is passed on as its service ended it. */
export function responseTrailers(exchange: Exchange, lines: Uint8Array, isEncoded: boolean): Uint8Array | null {
  const { call, client, routing, traits } = exchange
  if (!client.isFramed && !traits.takesTrailers) return null
  if (call.isCall && routing.isFramed) return lines
  return keptTrailers(lines, wantedOfResponse(exchange, isEncoded))
}

/** A trailer shall not say otherwise what the head has said: not where a program makes one of both, and not past whoever has judged the head. */
function wantedOfRequest(
  { requestBody, routing }: Exchange,
  inHead: ReadonlySet<string> | null,
): (name: string) => boolean {
  const { nominated } = requestBody
  return (name) => inHead?.has(name) !== true && nominated?.has(name) !== true && !routing.dropsFromRequest(name)
}

function wantedOfResponse({ responseBody, routing }: Exchange, isEncoded: boolean): (name: string) => boolean {
  const { nominated } = responseBody
  return (name) => nominated?.has(name) !== true && !routing.dropsFromResponse(name) && !(isEncoded && isOfBytes(name))
}
