import { brokenCallTrailers } from '../grpc/broken-call.js'
import { CallStatus } from '../grpc/call-status.js'
import { grpcAnswer, statusOfAnswer } from '../grpc/grpc-answer.js'
import { isGrpc } from '../grpc/grpc-request.js'
import { Body } from '../http1/body.js'
import type { ExchangeClient } from '../http1/exchange-client.js'
import type { ExchangeUpstream, UpstreamUser } from '../http1/exchange-upstream.js'
import type { Head } from '../http1/head.js'
import { edited, type OwnAnswer, statusOf } from '../http1/own-answer.js'
import { keepAliveLine } from '../http1/text.js'
import type { Traffic } from '../http1/traffic.js'
import type { Reason } from '../problem.js'
import type { Relay } from '../tunnel/relay.js'
import { Attempt } from './attempt.js'
import { Dispatcher } from './dispatcher.js'
import { ExchangeAccount } from './exchange-account.js'
import { ExchangeResponse } from './exchange-response.js'
import { FurtherTries } from './further-tries.js'
import { OutgoingRequest } from './outgoing-request.js'
import { RequestIntake } from './request-intake.js'
import { RequestTraits } from './request-traits.js'
import { Routing } from './routing.js'
import { SecondTry } from './second-try.js'
import { Timeouts } from './timeouts.js'
import { requestTrailers } from './trailers.js'
import { Tries } from './tries.js'

const noBytes = Buffer.alloc(0)
const lateBody = 'The body did not come in the time that the route gives the request.'
const brokenOff: OwnAnswer = { kind: 'problem', reason: 'upstream_invalid', detail: 'The body of its answer.' }

/**
 * One request and its response. It belongs to one client until it is over, and is used again for the next request of any.
 *
 *   begin ── takeBody ──▶ dispatch ──▶ (pending ⇄) connecting ──▶ sent ──▶ response head ──▶ response body ──▶ over
 *                            ▲                        │              │
 *                            └── connect failed, or: idempotent, all of it kept, not a byte of an answer
 *
 * Its parts, each of which owns its fields and is made once:
 *
 *   request    `traits`, `routing` (where it goes), `intake` (its body), `outgoing` (its bytes)
 *   tries      `dispatcher` (finds an upstream), `attempt` (the one under way), `further` and `second` (those after and beside it), `tries` (how many)
 *   answer     `response`, or one of the gateway's own
 *   all along  `timeouts`, `account` (how it went)
 *
 * Invariants:
 * - It is over once, by `finish` (answered), `cut` (answered in part) or `onClientGone`; whoever calls one of the first two, or `answer`, does nothing
 *   after that, as the next request may have begun.
 * - A request has one answer: nothing is tried after `response.hasHead`.
 */
export class Exchange implements UpstreamUser {
  isActive = false
  /** Whose request it is. Only one that is over may be given to another. */
  client: ExchangeClient
  readonly traffic: Traffic
  readonly requestBody = new Body()
  readonly responseBody = new Body()
  readonly traits = new RequestTraits()
  readonly timeouts = new Timeouts()
  /** A call of gRPC is judged by its own status, and answered as one also by the gateway itself. */
  readonly call = new CallStatus()
  readonly outgoing: OutgoingRequest
  readonly routing: Routing
  readonly intake: RequestIntake
  readonly dispatcher: Dispatcher
  readonly attempt: Attempt
  readonly tries: Tries
  readonly further: FurtherTries
  readonly second: SecondTry
  readonly response: ExchangeResponse
  readonly account: ExchangeAccount

  constructor(client: ExchangeClient, traffic: Traffic) {
    this.client = client
    this.traffic = traffic
    this.outgoing = new OutgoingRequest(traffic)
    this.routing = new Routing(this)
    this.intake = new RequestIntake(this)
    this.dispatcher = new Dispatcher(this)
    this.attempt = new Attempt(this)
    this.tries = new Tries(traffic)
    this.further = new FurtherTries(this)
    this.second = new SecondTry(this.further, this.tries, traffic)
    this.response = new ExchangeResponse(this)
    this.account = new ExchangeAccount(this)
  }

  /** Takes the request's head. `takeBody` (with what came behind it) and `dispatch` follow. */
  begin(parser: Head): void {
    this.isActive = true
    this.account.begin(parser)
    this.timeouts.begin(this.traffic.wheel.now)
    this.call.begin(this.client.isFramed && isGrpc(parser))
    this.outgoing.begin()
    this.intake.begin(parser)
    this.traits.begin(parser, !this.requestBody.isDone)
    this.dispatcher.begin()
    this.attempt.begin()
    this.tries.begin()
    this.response.begin()
    this.routing.begin(parser)
  }

  /**
   * Takes bytes that follow the head and returns the offset behind what belongs to this request. Before `dispatch` they are only
   * gathered, so that a small request leaves in one write.
   */
  takeBody(bytes: Uint8Array, at: number, end: number): number {
    return this.requestBody.isDone ? at : this.intake.take(bytes, at, end)
  }

  /** A framed client has sent all of the body, whose length its head did not say. */
  endRequest(): void {
    this.intake.end()
  }

  get requestTrailers(): Uint8Array | null {
    return this.requestBody.trailers === null ? null : requestTrailers(this)
  }

  get takesTrailers(): boolean {
    return this.client.isFramed || this.traits.takesTrailers
  }

  /** Sends the request, lets it wait, or answers it. */
  dispatch(): void {
    this.arm()
    if (this.routing.isBeingDecided) return
    if (this.requestBody.isDone) this.intake.sendCopy()
    const { ownAnswer } = this.routing
    if (ownAnswer === null) this.dispatcher.enter()
    else this.answer(ownAnswer)
  }

  onConnected(): void {
    this.attempt.send()
  }

  onConnectFailure(upstream: ExchangeUpstream, failure: string, isTimeout: boolean): void {
    this.dispatcher.onConnectFailure(upstream, failure, isTimeout)
  }

  onResponseBytes(bytes: Uint8Array, at: number, end: number): void {
    this.response.onBytes(bytes, at, end)
  }

  /** The upstream has ended its sending: that may be the end of the body, or of everything. `trailers` came behind the body. */
  onUpstreamEnd(upstream: ExchangeUpstream, trailers: Head | null = null): void {
    if (!this.response.onUpstreamEnd(trailers)) this.#onUpstreamLost(upstream, 'it closed the connection')
  }

  /** The service says that it has done nothing with the request: it may go elsewhere whatever its method, as long as all of it is still there. */
  onUpstreamRefused(upstream: ExchangeUpstream, failure: string): void {
    if (!this.response.hasHead) {
      this.attempt.detach()
      if (this.further.onRefused()) return
    }
    this.#onUpstreamLost(upstream, failure)
  }

  /** What the service sends breaks the rules of its protocol; nothing more comes. */
  onUpstreamInvalid(upstream: ExchangeUpstream, detail: string): void {
    if (this.attempt.upstream === upstream) this.refuseInvalid(detail)
  }

  onUpstreamClosed(upstream: ExchangeUpstream, failure: string): void {
    this.#onUpstreamLost(upstream, failure === '' ? 'the connection closed' : failure)
  }

  onUpstreamDrain(): void {
    this.timeouts.lastActivity = this.traffic.wheel.now
    if (!this.requestBody.isDone) this.client.wire.resume()
  }

  onClientDrain(): void {
    this.timeouts.lastActivity = this.traffic.wheel.now
    this.response.onClientDrain()
  }

  /** The client has closed its connection, or it broke. */
  onClientGone(): void {
    if (!this.isActive) return
    this.#drop()
    this.#close()
  }

  /** Both sides of what it was upgraded to have ended. */
  onTunnelOver(relay: Relay): void {
    this.requestBody.passed = relay.sent
    this.responseBody.passed = relay.received
    this.attempt.detach()
    this.#close()
  }

  /** Some timeout may be over. */
  onTimer(): void {
    const { wheel, limits } = this.traffic
    const overdue = this.timeouts.overdue(wheel.now, limits.idleTimeoutMs)
    switch (overdue) {
      case 'queue':
        this.dispatcher.giveUp()
        return
      case 'exchange':
        if (this.#isKeptWaiting) this.refuse('request_timeout', lateBody)
        else this.#timeOut('The request took longer than its timeout as a whole.')
        return
      case 'attempt':
        if (this.#isKeptWaiting) this.refuse('request_timeout', lateBody)
        else this.further.onTimeout()
        return
      case 'idle':
        this.#onIdle()
        return
      case null:
        this.arm()
    }
  }

  /** Lets the client's timer go off when the next of the timeouts may be over. */
  arm(): void {
    const { wheel, limits } = this.traffic
    const next = this.timeouts.next(limits.idleTimeoutMs)
    this.client.wakeIn(next > wheel.now ? next - wheel.now : 0)
  }

  /** Ends it at once with an answer of the gateway's own, where one can still be given. */
  refuse(reason: Reason, detail: string): void {
    this.answer({ kind: 'problem', reason, detail })
  }

  /** What the upstream sends is not HTTP, or not a valid answer to this request. */
  refuseInvalid(detail: string): void {
    const { endpoint } = this.attempt
    if (endpoint !== null) this.attempt.note(endpoint, 'invalid')
    this.refuse('upstream_invalid', detail)
  }

  /** As `refuse`, with any answer. */
  answer(answer: OwnAnswer): void {
    if (this.response.hasHead) {
      this.cut(answer)
      return
    }
    const { call, client, requestBody, routing, traffic, traits } = this
    const keepAlive = traits.keepsClient && requestBody.isDone && !client.hasEnded && !traffic.isClosing
    this.#drop()
    traits.keepsClient = keepAlive
    this.account.noteAnswer(answer)
    const isOfService = answer.kind === 'response' && answer.isOfService === true
    const edit = isOfService ? routing.responseEdit() : routing.policyEdit()
    // HTTP/1.0 reads to the end of the connection unless it is told otherwise.
    const kept = keepAlive && traits.isOldClient ? keepAliveLine : noBytes
    if (call.isCall) call.status = statusOfAnswer(answer)
    client.sendAnswer(call.isCall ? grpcAnswer(answer) : edited(answer, edit), {
      requestId: this.outgoing.requestId(),
      keepAlive,
      isHead: traits.isHead,
      ...(routing.route === null ? {} : { route: routing.route.name }),
      ...(routing.service === null ? {} : { service: routing.service.name }),
      lines: Buffer.concat([edit?.lines ?? noBytes, kept]),
    })
    this.finish()
  }

  /** The client has part of a response that will not be whole: its connection breaks, so that it can tell; a call of gRPC is told why. */
  cut(why: OwnAnswer = brokenOff): void {
    const { call } = this
    this.account.noteCut()
    if (call.isCall) {
      call.status = statusOfAnswer(why)
      this.account.status = statusOf(why)
    }
    this.#drop()
    this.#close()
    this.client.cut(call.isCall ? brokenCallTrailers(why) : null)
  }

  /** The client has its answer, whole. */
  finish(): void {
    const { intake, requestBody, response, routing, traits } = this
    const upstream = this.attempt.detach()
    const keepsUpstream = response.keepsUpstream && requestBody.isDone && !intake.hasTrailers
    const isClean = upstream !== null && keepsUpstream && !upstream.wire.isBlocked
    if (isClean) upstream.rest()
    else upstream?.destroy()
    this.#close()
    if (routing.service !== null) this.traffic.freed(routing.service)
    this.client.onExchangeOver(traits.keepsClient)
  }

  #onUpstreamLost(upstream: ExchangeUpstream, failure: string): void {
    const { endpoint } = upstream
    const { wheel } = this.traffic
    this.attempt.detach()
    upstream.destroy()
    // Something accepts there and nobody answers, as an engine's proxy does before a container that has gone: others shall not find out.
    if (!upstream.hasAnswered && endpoint.suspectUntil <= wheel.now) endpoint.noteConnectFailure(wheel.now)
    if (!this.response.hasHead || !this.responseBody.isDone) this.attempt.note(endpoint, 'closed')
    if (this.response.hasHead) this.response.onUpstreamLost(failure)
    else this.further.onLost(upstream, failure)
  }

  /** By the client, for the rest of a body that somebody would take: the service is not to blame. A call of gRPC may well be answered before its end. */
  get #isKeptWaiting(): boolean {
    return !this.requestBody.isDone && !this.client.wire.isPaused && !this.call.isCall && !this.response.hasHead
  }

  #onIdle(): void {
    if (this.routing.isBeingDecided) {
      this.refuse('policy_failed', "The route's policies were not decided on in time.")
    } else if (!this.requestBody.isDone && !this.client.wire.isPaused) {
      this.refuse('request_timeout', 'No more of the body came in time.')
    } else {
      this.#timeOut(`Not a byte came from the service in ${this.traffic.limits.idleTimeoutMs} ms.`)
    }
  }

  /** It took too long: by the service, unless that is not read as the client does not take what it has. */
  #timeOut(detail: string): void {
    const { upstream } = this.attempt
    if (upstream !== null && !this.client.wire.isBlocked) this.attempt.note(upstream.endpoint, 'timeout')
    this.refuse('upstream_timeout', detail)
  }

  /** Leaves the policies, the queue and the upstream. */
  #drop(): void {
    this.routing.admission?.abandon()
    this.second.end()
    this.dispatcher.leave()
    this.attempt.detach()?.destroy()
  }

  /** It is over. */
  #close(): void {
    this.response.close()
    this.routing.admission?.request.tap?.onClosed()
    this.isActive = false
    this.tries.leave(this.account.hasFailed())
    this.account.close()
    this.outgoing.giveBack()
  }
}
