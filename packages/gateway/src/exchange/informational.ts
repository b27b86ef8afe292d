import type { ExchangeUpstream } from '../http1/exchange-upstream.js'
import type { Head } from '../http1/head.js'
import { responseHeadSize } from '../http1/response-writer.js'
import { copy } from '../http1/words.js'
import type { CompiledEdit } from '../route-table/header-edit.js'
import { Relay } from '../tunnel/relay.js'
import type { Exchange } from './exchange.js'

/** Passes a response on that goes before the answer (RFC 9110 section 15.2), to clients that know such. */
export function passInterim(exchange: Exchange, parser: Head): void {
  const { traits, traffic, client } = exchange
  if (parser.status === 100) traits.expectsContinue = false
  if (traits.isOldClient) return
  const out = traffic.outputs.ensure(responseHeadSize(parser, null))
  const length = writeBareHead(exchange, parser, null, out)
  if (length > 0) client.wire.send(length)
}

/** The service switches protocols (RFC 9110 section 15.2.2), as it was asked to: from here on the two sides carry each other's bytes. */
export function switchProtocols(exchange: Exchange, parser: Head, bytes: Uint8Array, at: number, end: number): void {
  const { account, attempt, client, response, routing, traffic } = exchange
  const upstream = attempt.upstream as ExchangeUpstream
  const edit = routing.responseEdit()
  const out = traffic.outputs.ensure(responseHeadSize(parser, edit) + end - at)
  const length = writeBareHead(exchange, parser, edit, out)
  account.status = 101
  response.onHeadSent()
  const filled = copy(bytes, at, end, out, length)
  if (filled > 0) client.wire.send(filled)
  const relay = new Relay(client.wire, upstream.wire, traffic, () => {
    traffic.metrics.tunnels.dec()
    exchange.onTunnelOver(relay)
  })
  traffic.metrics.tunnels.inc()
  upstream.relay = relay
  client.startRelay(relay)
  if (client.wire.isBlocked) upstream.wire.pause()
}

/** A head that no body of HTTP follows. */
function writeBareHead({ client, traffic }: Exchange, parser: Head, edit: CompiledEdit | null, out: Buffer): number {
  const { shape } = traffic
  shape.edit = edit
  shape.isChunked = false
  shape.keepsLength = false
  shape.connection = parser.status === 101 ? 'upgrade' : 'implied'
  shape.date = null
  return client.writeHead(parser, shape, out)
}
