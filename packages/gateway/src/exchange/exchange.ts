import type { Reason } from '../problem.js'
import { brokenCallTrailers } from '../grpc/broken-call.js'
import { CallStatus } from '../grpc/call-status.js'
import { grpcAnswer, statusOfAnswer } from '../grpc/grpc-answer.js'
import { isGrpc } from '../grpc/grpc-request.js'
import type { GrpcStatus } from '../grpc/grpc-status.js'
import type { Admission } from '../policy/ask.js'
import { HeadRequest } from '../policy/head-request.js'
import type { CompiledMirror } from '../mirror/compiled-mirror.js'
import type { RequestCopy } from '../mirror/request-copy.js'
import type { CompiledRoute } from '../route-table/compiled-route.js'
import { isFailure } from '../resilience/ejection.js'
import { CompiledEdit, mergeEdits } from '../route-table/header-edit.js'
import { responseExcess } from '../route-table/sizes.js'
import { tickMs } from '../timer-wheel.js'
import type { UpstreamEndpoint } from '../upstream-endpoint.js'
import { Relay } from '../tunnel/relay.js'
import type { Outcome, UpstreamService } from '../upstream.js'
import { RequestAdmission } from './admission.js'
import { Body, bodyOverhead, byChunks, byClose, byLength, noBody } from '../http1/body.js'
import { ChunkDecoder, copy } from '../http1/chunk-decoder.js'
import { deadlineEdit, deadlineOf, isOver } from './deadline-line.js'
import { EncodedBody } from './encoded-body.js'
import type { ExchangeClient } from '../http1/exchange-client.js'
import { ExchangeLog } from './exchange-log.js'
import { type HeadParser, incomplete, refused } from '../http1/head-parser.js'
import { type HedgedExchange, SecondTry } from './second-try.js'
import { isHead, isIdempotent, isRead } from '../http1/methods.js'
import {
  describeRequest,
  edited,
  latin1,
  type OwnAnswer,
  redirectOf,
  secureRedirect,
  statusOf,
} from '../http1/own-answer.js'
import { requestHeadSize, writeRequest, type WrittenHead } from '../http1/request-writer.js'
import type { ResponseEncoder, ResponseEncoding } from '../http1/response-encoder.js'
import type { ResponseTap } from '../http1/response-tap.js'
import { responseHeadSize } from '../http1/response-writer.js'
import { type AskedPause, hasIdempotencyKey, noPause, pauseAskedFor } from './retriable-answer.js'
import { keepAliveLine, lastChunk, put } from '../http1/text.js'
import { unreached } from './unreached.js'
import type { Traffic } from '../http1/traffic.js'
import { type RetryCause, Tries } from './tries.js'
import { wantsUpgrade } from '../http1/upgrade.js'
import type { ExchangeUpstream, UpstreamUser } from '../http1/exchange-upstream.js'

/** A body of up to this many bytes is kept until the answer begins, so that an idempotent request can be sent again. */
const mostKeptBytes = 16 * 1024
/** What may gather of a request's body while there is no connection yet; then the client is not read. */
const mostWaitingBytes = 64 * 1024
/** A request that must not be sent twice goes only to connections used this lately, which hardly ever close just then. */
const freshIdleMs = 1_000
const mostInterim = 32
const noBytes = Buffer.alloc(0)
const brokenOff: OwnAnswer = { kind: 'problem', reason: 'upstream_invalid', detail: 'The body of its answer.' }

/**
 * One request and its response. It belongs to one client connection and is used again for that connection's next request.
 *
 *   begin ── takeBody ──▶ dispatch ──▶ (pending ⇄) connecting ──▶ sent ──▶ response head ──▶ response body ──▶ over
 *                            ▲                        │              │
 *                            └── connect failed, or: idempotent, all of it kept, not a byte of an answer
 *
 * Invariants:
 * - `out` holds the request's head and, while `isReplayable`, all of the body that has come; it is neither changed nor given away while a
 *   write of it may be under way.
 * - A request is sent again only if nothing of it was sent (its connection never opened) or if it is idempotent and `isReplayable`, and
 *   never after the head of its response was read: from then on the client has part of it.
 * - `upstream.exchange === this` as long as `upstream` is set; whoever takes it away does both.
 * - `endpoint` is counted in flight from `#attach` to `#detach`.
 */
export class Exchange implements WrittenHead, UpstreamUser, HedgedExchange {
  upstream: ExchangeUpstream | null = null
  isActive = false
  requestIdStart = 0
  requestIdEnd = 0
  readonly requestBody = new Body()
  readonly responseBody = new Body()
  readonly #client: ExchangeClient
  readonly #traffic: Traffic
  readonly #decoder = new ChunkDecoder()
  #route: CompiledRoute | null = null
  /** Of a route that has policies; its verdict is null while one of them waits for something. */
  #admission: RequestAdmission | null = null
  #service: UpstreamService | null = null
  /** What the body of the answer may be encoded in for this client; empty: nothing. */
  #coding = ''
  /** Of an answer whose body is encoded, until the client has all of it. */
  #encoded: EncodedBody | null = null
  /** Sees the answer on its way; null when nobody does. */
  #tap: ResponseTap | null = null
  /** Of a request that another service gets too; null when none does, or when it has been sent. */
  #copy: RequestCopy | null = null
  #endpoint: UpstreamEndpoint | null = null
  #out: Buffer = noBytes
  #outLength = 0
  /** Of that, the head; the body follows. */
  #headLength = 0
  /** The kernel did not take all of `out` at once: it is not used again, as it may still be read. */
  #isOutLent = false
  #isSent = false
  #isReplayable = true
  #isIdempotent = false
  #isHead = false
  /** A call of gRPC is judged by its own status, and answered as one also by the gateway itself. */
  readonly #call = new CallStatus()
  /** The service is spoken to in HTTP/2: as a new table may say otherwise meanwhile, that is decided once. */
  #isFramed = false
  #wantsUpgrade = false
  #expectsContinue = false
  #isOldClient = false
  /** The client connection can serve another request after this one. */
  #keepsClient = true
  #keepsUpstream = false
  #hasResponseHead = false
  /** Some byte of an answer to the current try has come. */
  #hasResponseBytes = false
  #interimCount = 0
  #isPending = false
  /** It waits, or has waited, for a service that slept. */
  #isHeld = false
  /** What the gateway will answer by itself as soon as it has taken what came with the head; null when it asks a service. */
  #ownAnswer: OwnAnswer | null = null
  #hadConnectTimeout = false
  #failure = ''
  #tried: UpstreamEndpoint[] | null = null
  readonly #tries: Tries
  /** What is tried beside `upstream`, when that is slow. */
  readonly #second: SecondTry
  /** Status sent to the client, 0 before. */
  #status = 0
  #reason: Reason | '' = ''
  #isCut = false
  #startedAt = 0
  #lastActivity = 0
  /** On the wheel's clock; 0 is none. */
  #deadline = 0
  #attemptDeadline = 0
  #pendingDeadline = 0
  /** The deadline as services are told it, milliseconds since the epoch; 0 is none. */
  #deadlineAt = 0
  /** How long it may be in the queue; meaningless before it is. */
  #patienceMs = 0
  /** When the current try began, on the wheel's clock. */
  #triedAt = 0
  readonly #log = new ExchangeLog()

  constructor(client: ExchangeClient, traffic: Traffic) {
    this.#client = client
    this.#traffic = traffic
    this.#tries = new Tries(traffic)
    this.#second = new SecondTry(this, this.#tries, traffic)
  }

  /** Takes the request's head. `takeBody` (with what came behind it) and `dispatch` follow. */
  begin(parser: HeadParser): void {
    const traffic = this.#traffic
    const { wheel } = traffic
    this.isActive = true
    this.#admission = null
    this.#service = null
    this.#copy = null
    this.#coding = ''
    this.#encoded = null
    this.#tap = null
    this.#endpoint = null
    this.#out = traffic.takeHead()
    this.#outLength = 0
    this.requestIdStart = 0
    this.requestIdEnd = 0
    this.#isSent = false
    this.#isReplayable = true
    this.#isHead = isHead(parser.bytes, parser.methodStart, parser.methodEnd)
    this.#isIdempotent = isIdempotent(parser.bytes, parser.methodStart, parser.methodEnd)
    this.#call.begin(this.#client.isFramed && isGrpc(parser))
    this.#isFramed = false
    this.#isOldClient = parser.minorVersion === 0
    this.#keepsClient = this.#isOldClient ? parser.hasKeepAlive && !parser.hasClose : !parser.hasClose
    this.#keepsUpstream = false
    this.#hasResponseHead = false
    this.#hasResponseBytes = false
    this.#isOutLent = false
    this.#interimCount = 0
    this.#isPending = false
    this.#isHeld = false
    this.#ownAnswer = null
    this.#hadConnectTimeout = false
    this.#failure = ''
    this.#tried = null
    this.#tries.begin()
    this.#status = 0
    this.#reason = ''
    this.#isCut = false
    this.#startedAt = performance.now()
    this.#lastActivity = wheel.now
    this.#deadline = 0
    this.#deadlineAt = 0
    this.#attemptDeadline = 0
    this.#pendingDeadline = 0
    traffic.metrics.inFlight.inc()

    const length = parser.contentLength
    if (parser.isChunked && this.#client.isFramed) this.requestBody.begin(byClose, 0, true, null)
    else if (parser.isChunked) this.requestBody.begin(byChunks, 0, true, this.#decoder)
    else if (length > 0) this.requestBody.begin(byLength, length, false, null)
    else this.requestBody.begin(noBody, 0, false, null)
    this.responseBody.begin(noBody, 0, false, null)
    this.#expectsContinue = parser.expectsContinue && !this.requestBody.isDone
    this.#wantsUpgrade = this.requestBody.isDone && wantsUpgrade(parser)
    if (traffic.accessLog !== null) this.#log.keep(parser)
    this.#beginRoute(parser)
  }

  /**
   * Takes bytes that follow the head and returns the offset behind what belongs to this request. Before `dispatch` they are only
   * gathered, so that a small request leaves in one write.
   */
  takeBody(bytes: Uint8Array, at: number, end: number): number {
    const body = this.requestBody
    if (body.isDone) return at
    this.#lastActivity = this.#traffic.wheel.now
    const needed = end - at + bodyOverhead
    if (this.#isGathering(needed)) {
      const out = this.#reserve(needed)
      const from = this.#outLength
      this.#outLength = body.pass(bytes, at, end, out, from)
      if (!this.#isBodyRight()) return end
      this.#copy?.add(out, from, this.#outLength)
      if (!this.#isSent) {
        if (this.#outLength > mostWaitingBytes && !body.isDone) this.#client.wire.pause()
      } else if (this.#outLength > from) {
        const { wire } = this.upstream as ExchangeUpstream
        wire.sendOwned(out.subarray(from, this.#outLength))
        if (wire.isBlocked) this.#isOutLent = true
      }
    } else {
      this.#isReplayable = false
      const out = this.#traffic.outputs.ensure(needed)
      const length = body.pass(bytes, at, end, out, 0)
      if (!this.#isBodyRight()) return end
      this.#copy?.add(out, 0, length)
      if (length > 0) this.upstream?.wire.send(length)
    }
    const { consumed } = body
    if (body.isDone) this.#onRequestDone()
    else if (this.upstream !== null && this.upstream.wire.isBlocked) this.#client.wire.pause()
    return consumed
  }

  /** A framed client has sent all of the body, whose length its head did not say. */
  endRequest(): void {
    const body = this.requestBody
    if (body.isDone) return
    body.isDone = true
    if (body.isOutChunked) {
      this.#copy?.add(lastChunk, 0, lastChunk.length)
      if (!this.#isGathering(lastChunk.length)) {
        this.upstream?.wire.sendOwned(lastChunk)
      } else {
        const from = this.#outLength
        this.#outLength = put(this.#reserve(lastChunk.length), from, lastChunk)
        if (this.#isSent) this.upstream?.wire.sendOwned(lastChunk)
      }
    }
    this.#onRequestDone()
  }

  /** Sends the request, or lets it wait. */
  dispatch(): void {
    this.#arm()
    if (this.#isBeingDecided) return
    if (this.requestBody.isDone) this.#sendCopy()
    if (this.#ownAnswer === null) this.#enter()
    else this.#answer(this.#ownAnswer)
  }

  /** For the queue of waiting requests: true when this one waits no more. */
  tryPending(): boolean {
    if (!this.#isPending) return true
    this.#tried = null
    if (!this.#tryDispatch()) return false
    this.#isPending = false
    this.#lastActivity = this.#traffic.wheel.now
    return true
  }

  onConnected(): void {
    this.#send()
  }

  /** Nothing of the request has been sent: it may go elsewhere, whatever its method. */
  onConnectFailure(connection: ExchangeUpstream, failure: string, isTimeout: boolean): void {
    const { endpoint } = connection
    const { wheel, limits, table } = this.#traffic
    const service = this.#service as UpstreamService
    this.#detach()
    // Connections opened in the same moment fail in the same moment; that is one failure of the endpoint.
    if (endpoint.suspectUntil <= wheel.now) endpoint.noteConnectFailure(wheel.now)
    table.serviceMetrics(service).connectFailures.inc()
    this.#noteOutcome(endpoint, isTimeout ? 'connect_timeout' : 'connect_failed')
    this.#failure = `${endpoint.address}: ${failure}`
    this.#hadConnectTimeout = isTimeout
    this.#tried ??= []
    this.#tried.push(endpoint)
    if (this.#pendingDeadline === 0) this.#pendingDeadline = wheel.now + limits.pendingTimeoutMs + tickMs
    if (wheel.now >= this.#pendingDeadline) this.#refuseUnreached()
    else if (!this.#tryDispatch()) this.#wait()
  }

  /** The upstream has ended its sending: that may be the end of the body, or of everything. `trailers` came behind the body. */
  onUpstreamEnd(connection: ExchangeUpstream, trailers: HeadParser | null = null): void {
    const body = this.responseBody
    if (this.#hasResponseHead && body.incoming === byClose && !body.isDone) {
      body.isDone = true
      if (this.#isFramed) this.#tap?.onEnd()
      if (this.#encoded !== null) {
        this.#encoded.end()
        return
      }
      if (body.isOutChunked) this.#client.wire.sendOwned(lastChunk)
      this.#judge(this.#call.onEnd(trailers))
      if (this.#client.isFramed) this.#client.endBody(trailers)
      this.#afterResponse()
    } else {
      this.#onUpstreamLost(connection, 'it closed the connection')
    }
  }

  /** The service says that it has done nothing with the request: it may go elsewhere whatever its method, as long as all of it is still there. */
  onUpstreamRefused(connection: ExchangeUpstream, failure: string): void {
    if (!this.#hasResponseHead) {
      this.#detach()
      // A second try is the only one now: sent once more, the request would be answered twice.
      if (this.#promoteHedge()) return
      if (this.#isReplayable && this.#tries.takeUntouched()) {
        this.#sendAgain(noPause)
        return
      }
    }
    this.#onUpstreamLost(connection, failure)
  }

  /** What the service sends breaks the rules of its protocol; nothing more comes. */
  onUpstreamInvalid(connection: ExchangeUpstream, detail: string): void {
    if (this.upstream === connection) this.#onInvalid(detail)
  }

  onUpstreamClosed(connection: ExchangeUpstream, failure: string): void {
    this.#onUpstreamLost(connection, failure === '' ? 'the connection closed' : failure)
  }

  onResponseBytes(bytes: Uint8Array, at: number, end: number): void {
    this.#lastActivity = this.#traffic.wheel.now
    this.#hasResponseBytes = true
    if (this.#second.isWanted && !this.#hasResponseHead) this.#second.end()
    if (this.#hasResponseHead) {
      if (this.responseBody.isDone) this.#keepsUpstream = false
      else this.#relay(bytes, at, end, this.#traffic.outputs.ensure(end - at + bodyOverhead), 0)
      return
    }
    const { head } = this.upstream as ExchangeUpstream
    for (;;) {
      const outcome = head.read(bytes, at, end)
      if (outcome === incomplete) return
      const { parser } = head
      if (outcome === refused) {
        this.#onInvalid(parser.refusal.detail)
        return
      }
      bytes = head.bytes
      at = head.restStart
      end = head.restEnd
      if (parser.status >= 200 || parser.status === 101) {
        if ((parser.status >= 429 || this.#call.isCall) && this.#refusesAnswer(parser, at, end)) return
        this.#startResponse(parser, bytes, at, end)
        return
      }
      if (++this.#interimCount > mostInterim) {
        this.#onInvalid('It sends interim responses without end.')
        return
      }
      this.#passInterim(parser)
      if (at === end) return
    }
  }

  /** The client has closed its connection, or it broke. */
  onClientGone(): void {
    if (!this.isActive) return
    this.#drop()
    this.#close()
  }

  onClientDrain(): void {
    this.#lastActivity = this.#traffic.wheel.now
    if (this.#encoded === null) this.upstream?.wire.resume()
    else this.#encoded.onClientDrain()
  }

  onUpstreamDrain(): void {
    this.#lastActivity = this.#traffic.wheel.now
    if (!this.requestBody.isDone) this.#client.wire.resume()
  }

  /** Takes the second try over in the first one's place. */
  onSecondAnswer(upstream: ExchangeUpstream): UpstreamUser {
    this.#traffic.table.serviceMetrics(this.#service as UpstreamService).hedgesWon.inc()
    const slow = this.#detach()
    // The first one may have failed, and wait for its next turn.
    this.#leaveQueue()
    this.#adopt(upstream)
    slow?.destroy()
    return this
  }

  /** The head, which is all of a request that may be tried a second time. */
  get sentHead(): Uint8Array {
    return Buffer.from(this.#out.subarray(0, this.#outLength))
  }

  /** Some timeout may be over. */
  onTimer(): void {
    const { wheel, limits } = this.#traffic
    const { now } = wheel
    if (this.#isPending && now >= this.#pendingDeadline) {
      this.#refuseUnreached()
    } else if (this.#deadline !== 0 && now >= this.#deadline) {
      this.#timeOut('upstream_timeout', 'The request took longer than its timeout as a whole.')
    } else if (this.#attemptDeadline !== 0 && !this.#hasResponseHead && now >= this.#attemptDeadline) {
      this.#timeOutAttempt()
    } else if (!this.#isPending && now - this.#lastActivity >= limits.idleTimeoutMs + tickMs) {
      if (this.#isBeingDecided) {
        this.refuse('policy_failed', "The route's policies were not decided on in time.")
        return
      }
      const isClientStalling = !this.requestBody.isDone && !this.#client.wire.isPaused
      if (isClientStalling) this.#timeOut('request_timeout', 'No more of the body came in time.')
      else this.#timeOut('upstream_timeout', `Not a byte came from the service in ${limits.idleTimeoutMs} ms.`)
    } else {
      this.#arm()
    }
  }

  /** Ends it at once with an answer of the gateway's own, where one can still be given. */
  refuse(reason: Reason, detail: string): void {
    this.#answer({ kind: 'problem', reason, detail })
  }

  #beginRoute(parser: HeadParser): void {
    const traffic = this.#traffic
    const { limits, wheel, table } = traffic
    const client = this.#client
    if (client.listener.redirectPort !== null) {
      this.#route = null
      this.#ownAnswer = secureRedirect(parser, client.listener.redirectPort)
      return
    }
    const route = client.listener.isMesh ? table.mesh(client.listener.name) : table.matchEdge(parser)
    this.#route = route
    if (route === null) {
      const allow = client.listener.isMesh ? null : table.allowedMethods(parser)
      const detail = `${describeRequest(parser)} matches no route.`
      this.#ownAnswer =
        allow === null
          ? { kind: 'problem', reason: 'no_route', detail }
          : { kind: 'problem', reason: 'method_not_allowed', detail, allow }
      return
    }
    if (!this.#isIdempotent && route.retry !== null) {
      const { idempotent, idempotencyKey } = route.retry
      this.#isIdempotent = idempotent || (idempotencyKey && hasIdempotencyKey(parser))
    }
    const isPlainRead = this.requestBody.isDone && !this.#wantsUpgrade && isRead(parser)
    this.#second.begin(isPlainRead ? route.hedge : null)
    if (traffic.shedding.isOn && !client.listener.isMesh) {
      const detail = 'The gateway is late with its work, and takes no more from outside until it has caught up.'
      this.#ownAnswer = { kind: 'problem', reason: 'overloaded', detail, retryAfterSeconds: 1 }
      return
    }
    const ownMs = route.requestTimeoutMs ?? limits.requestTimeoutMs
    this.#deadlineAt = deadlineOf(parser, { ownMs, isGrpc: this.#call.isCall, isMesh: client.listener.isMesh })
    if (this.#deadlineAt === isOver) {
      const detail = 'Whoever asked has waited as long as it said it would (X-Request-Deadline).'
      this.#ownAnswer = { kind: 'problem', reason: 'upstream_timeout', detail }
      return
    }
    if (this.#deadlineAt > 0) this.#deadline = wheel.now + this.#deadlineAt - Date.now() + tickMs
    if (route.redirect === null) this.#service = route.pickService()
    this.#isFramed = this.#service?.isFramed === true
    if (this.#isFramed) {
      this.requestBody.isOutChunked = false
      this.#wantsUpgrade = false
    }
    if (route.policies.length > 0) {
      this.#admission = new RequestAdmission(route, parser, client, traffic, (verdict, kept) => {
        this.#onDecided(verdict, kept)
      })
      if (this.#admission.verdict === null) return
    }
    this.#prepare(parser, route, this.#admission?.verdict ?? null)
  }

  /** Writes what goes upstream, or finds what is to be answered instead. */
  #prepare(parser: HeadParser, route: CompiledRoute, admission: Admission | null): void {
    const traffic = this.#traffic
    const maxBodyBytes = route.sizes.requestBody ?? traffic.limits.maxBodyBytes
    const { forwardedLines, listener } = this.#client
    let edit = admission === null ? route.requestEdit : mergeEdits(route.requestEdit, admission.request)
    if (this.#deadlineAt > 0) edit = mergeEdits(edit, deadlineEdit(this.#deadlineAt))
    const size = requestHeadSize(parser, route, edit, forwardedLines)
    if (size > this.#out.length) {
      traffic.giveHead(this.#out)
      this.#out = Buffer.allocUnsafeSlow(size + 1024)
    }
    this.#outLength = writeRequest(
      parser,
      route,
      edit,
      forwardedLines,
      this.#wantsUpgrade,
      traffic.ids,
      this.#out,
      this,
    )
    this.#headLength = this.#outLength
    if (admission !== null && admission.answer !== null) {
      this.#ownAnswer = admission.answer
    } else if (maxBodyBytes > 0 && parser.contentLength > maxBodyBytes) {
      const detail = `The body has ${parser.contentLength} bytes; ${maxBodyBytes} are allowed.`
      this.#ownAnswer = { kind: 'problem', reason: 'body_too_large', detail }
    } else if (route.redirect !== null) {
      this.#ownAnswer = redirectOf(parser, route, listener)
    } else if (this.#service === null) {
      const detail = 'No backend of the route takes traffic.'
      this.#ownAnswer = { kind: 'problem', reason: 'no_healthy_endpoint', detail }
    }
    this.#tap = this.#admission?.request.tap ?? null
    if (route.encoding !== null && !this.#isOldClient) this.#coding = route.encoding.codingFor(parser)
    // What the gateway answers by itself counts against no service.
    if (this.#ownAnswer !== null) this.#service = null
    else if (route.mirror !== null) this.#beginCopy(route.mirror, parser)
    if (this.#service?.looksAtRequests === true) {
      const request = this.#admission?.request ?? new HeadRequest(parser, listener, this.#client.remoteAddress)
      this.#tries.affinity = this.#service.affinityOf(request)
    }
  }

  /** Sends the request to its service, or lets it wait, unless the service has too much to do. */
  #enter(): void {
    const traffic = this.#traffic
    const rules = (this.#route as CompiledRoute).retry ?? traffic.retryRules
    const refusal = this.#tries.enter(this.#service as UpstreamService, rules)
    if (refusal !== null) {
      const { reason, detail, waitMs } = refusal
      this.#answer({ kind: 'problem', reason, detail, retryAfterSeconds: waitMs / 1000 })
    } else if (!this.#tryDispatch()) {
      this.#wait()
    }
  }

  get #isBeingDecided(): boolean {
    return this.#admission !== null && this.#admission.verdict === null
  }

  /** The policies that had to wait have decided. What has come of the body meanwhile goes behind the head. */
  #onDecided(verdict: Admission, parser: HeadParser): void {
    const gathered = Buffer.from(this.#out.subarray(0, this.#outLength))
    this.#lastActivity = this.#traffic.wheel.now
    this.#prepare(parser, this.#route as CompiledRoute, verdict)
    if (this.#ownAnswer === null && gathered.length > 0) {
      const out = this.#reserve(gathered.length)
      this.#copy?.add(gathered, 0, gathered.length)
      this.#outLength = copy(gathered, 0, gathered.length, out, this.#outLength)
    }
    this.dispatch()
  }

  /** What is framed otherwise than its head says, as for HTTP/2, is not copied; an upgrade is no request to be made twice. */
  #beginCopy(mirror: CompiledMirror, parser: HeadParser): void {
    if (this.#wantsUpgrade || (parser.isChunked && !this.requestBody.isOutChunked)) return
    this.#copy = this.#traffic.mirrors.begin(mirror, this.#out.subarray(0, this.#headLength))
  }

  #sendCopy(): void {
    this.#copy?.send()
    this.#copy = null
  }

  /** All of the request's body is on its way. */
  #onRequestDone(): void {
    if (this.#isSent) this.upstream?.endRequest()
    this.#sendCopy()
    if (this.#hasResponseHead && this.#isAnswered) this.#finish()
  }

  /** Whether body bytes go to `out`: before there is a connection, and while a small body is kept so that it can be sent again. */
  #isGathering(needed: number): boolean {
    if (!this.#isSent) return this.#ownAnswer === null
    return (
      this.#isReplayable && this.#isIdempotent && !this.#hasResponseHead && this.#outLength + needed <= mostKeptBytes
    )
  }

  #reserve(bytes: number): Buffer {
    const needed = this.#outLength + bytes
    if (needed <= this.#out.length) return this.#out
    // What is being sent from the old one stays there; it is not used for anything else.
    const larger = Buffer.allocUnsafeSlow(needed * 2)
    larger.set(this.#out.subarray(0, this.#outLength))
    this.#out = larger
    return larger
  }

  /**
   * False when the body that has just been looked at cannot be served; then the client has its answer, and the last one on its connection:
   * what came behind the body is dropped, so what comes next may begin in the middle of a request.
   */
  #isBodyRight(): boolean {
    const body = this.requestBody
    const maxBodyBytes = this.#route?.sizes.requestBody ?? this.#traffic.limits.maxBodyBytes
    const isTooLarge = maxBodyBytes > 0 && body.passed > maxBodyBytes
    if (body.refusal === null && !isTooLarge) return true
    this.#keepsClient = false
    if (body.refusal !== null) this.refuse('bad_request', body.refusal.detail)
    else this.refuse('body_too_large', `The body has more than ${maxBodyBytes} bytes.`)
    return false
  }

  /** Takes a connection to the endpoint that the balancer picks, or to another one when that has none to give. */
  #tryDispatch(): boolean {
    const service = this.#service as UpstreamService
    const { now } = this.#traffic.wheel
    let passedOver = this.#tried
    for (;;) {
      const endpoint = service.pick(passedOver, now, Math.random, this.#tries.affinity)
      if (endpoint === null) return false
      if (this.#tryEndpoint(endpoint, now)) return true
      passedOver = passedOver === null ? [endpoint] : [...passedOver, endpoint]
    }
  }

  #tryEndpoint(endpoint: UpstreamEndpoint, now: number): boolean {
    const traffic = this.#traffic
    const service = this.#service as UpstreamService
    const connections = traffic.connectionsOf(endpoint, this.#isFramed)
    // A suspect is only picked where nothing else is left; one connection at a time is enough to find out whether it is back.
    if (endpoint.suspectUntil > now && connections.opening > 0) return false
    const isRepeatable = this.#isIdempotent && !this.#wantsUpgrade
    const { opening } = connections
    let since = Number.POSITIVE_INFINITY
    if (!this.#tries.distrustsIdle) since = isRepeatable ? 0 : now - freshIdleMs
    const upstream = connections.obtain(this, since)
    if (upstream === null) return false
    if (connections.opening > opening) traffic.table.serviceMetrics(service).connects.inc()
    this.#attach(upstream)
    if (upstream.isConnected) this.#send()
    return true
  }

  #attach(connection: ExchangeUpstream): void {
    const { endpoint } = connection
    this.upstream = connection
    this.#endpoint = endpoint
    this.#triedAt = this.#traffic.wheel.now
    endpoint.acquire()
    const timeoutMs = (this.#route as CompiledRoute).backendRequestTimeoutMs
    if (timeoutMs === null) return
    this.#attemptDeadline = this.#traffic.wheel.now + timeoutMs + tickMs
    this.#arm()
  }

  /** Leaves the connection; what becomes of it is the caller's to say. */
  #detach(): ExchangeUpstream | null {
    const { upstream } = this
    if (upstream === null) return null
    this.#attemptDeadline = 0
    this.upstream = null
    upstream.exchange = null
    this.#traffic.release(upstream.endpoint)
    return upstream
  }

  #send(): void {
    const upstream = this.upstream as ExchangeUpstream
    const { wire } = upstream
    this.#isSent = true
    this.#lastActivity = this.#traffic.wheel.now
    upstream.sendRequest(this.#out.subarray(0, this.#outLength), this.#headLength)
    if (wire.isBlocked) this.#isOutLent = true
    if (this.requestBody.isDone) {
      upstream.endRequest()
      if (this.#second.isWanted) this.#second.later(this.#service as UpstreamService, this.#isFramed)
      return
    }
    if (wire.isBlocked) this.#client.wire.pause()
    else this.#client.wire.resume()
  }

  #wait(): void {
    const { wheel, pending } = this.#traffic
    const service = this.#service as UpstreamService
    if (service.isAsleep && !this.#isHeld) {
      this.#isHeld = true
      this.#pendingDeadline = wheel.now + (service.holdMs ?? 0) + tickMs
    } else if (this.#pendingDeadline === 0) {
      this.#patienceMs = pending.patienceMs(service)
      this.#pendingDeadline = wheel.now + this.#patienceMs + tickMs
    }
    if (!pending.add(service, this)) {
      const detail = `${pending.most(service)} requests for ${service.name} are waiting already.`
      this.#answer({ kind: 'problem', reason: 'overloaded', detail, retryAfterSeconds: 1 })
      return
    }
    this.#isPending = true
    this.#arm()
  }

  /** It has waited for as long as it may. */
  #refuseUnreached(): void {
    const service = this.#service as UpstreamService
    this.#answer(
      unreached({
        service: service.name,
        failure: this.#failure,
        hadConnectTimeout: this.#hadConnectTimeout,
        hasEligible: service.hasEligible,
        wasHeld: this.#isHeld,
        patienceMs: this.#patienceMs,
      }),
    )
  }

  #timeOutAttempt(): void {
    const upstream = this.#detach()
    if (upstream !== null) this.#noteOutcome(upstream.endpoint, 'timeout')
    upstream?.destroy()
    if (this.#promoteHedge()) return
    if (this.#takeTry('timeout', false)) this.#sendAgain(noPause)
    else this.#timeOut('upstream_timeout', 'The service did not begin its answer in the time that the route gives it.')
  }

  #timeOut(reason: Reason, detail: string): void {
    if (reason === 'upstream_timeout' && this.upstream !== null) this.#noteOutcome(this.upstream.endpoint, 'timeout')
    this.refuse(reason, detail)
  }

  /** Whether the request can be sent again at all, and may for that cause. */
  #canSendAgain(cause: RetryCause): boolean {
    return (
      this.#isIdempotent &&
      this.#isReplayable &&
      !this.#wantsUpgrade &&
      !this.#hasResponseHead &&
      this.#tries.allows(cause)
    )
  }

  #takeTry(cause: RetryCause, isPaidFor: boolean): boolean {
    return this.#canSendAgain(cause) && this.#tries.take(cause, isPaidFor)
  }

  /** After what the answer or the rules say, on another endpoint where there is one. */
  #sendAgain(asked: AskedPause): void {
    this.#hasResponseBytes = false
    this.#isSent = false
    const ms = this.#tries.pauseMs(asked)
    if (ms === 0) {
      this.#dispatchAgain()
      return
    }
    this.#arm()
    this.#tries.pause(ms, () => this.#dispatchAgain())
  }

  /** True when there is a second try that takes the place of the one that has failed. */
  #promoteHedge(): boolean {
    const upstream = this.#hasResponseHead ? null : this.#second.give()
    if (upstream === null) return false
    this.#hasResponseBytes = false
    this.#adopt(upstream)
    return true
  }

  #adopt(upstream: ExchangeUpstream): void {
    upstream.exchange = this
    this.#attach(upstream)
    // It was counted in flight before.
    this.#traffic.release(upstream.endpoint)
    this.#isSent = upstream.isConnected
  }

  #dispatchAgain(): void {
    this.#lastActivity = this.#traffic.wheel.now
    this.#tried = this.#endpoint === null ? null : [this.#endpoint]
    if (this.#tryDispatch()) return
    this.#tried = null
    if (!this.#tryDispatch()) this.#wait()
  }

  /** Lets the answer go whose head has just been read, and sends the request again; false when the client is to have that answer. */
  #refusesAnswer(parser: HeadParser, at: number, end: number): boolean {
    const said = this.#call.saidBy(parser)
    if (said === null || !this.#canSendAgain(said)) return false
    const status = typeof said === 'number' ? said : said.httpStatus
    const leftMs = this.#deadline === 0 ? Infinity : this.#deadline - this.#traffic.wheel.now
    const pause = pauseAskedFor(parser, { isCall: typeof said !== 'number', leftMs, unixMs: Date.now() })
    if (pause === null || !this.#takeTry(said, false)) return false
    const upstream = this.#detach() as ExchangeUpstream
    this.#noteOutcome(upstream.endpoint, said)
    // Each try is one of its revision's, or a canary's errors would be hidden by what mends them.
    upstream.endpoint.counts?.record(status, (this.#traffic.wheel.now - this.#triedAt) / 1000)
    this.#letGo(upstream, parser, end - at === (this.#isHead ? 0 : parser.contentLength))
    this.#sendAgain(pause)
    return true
  }

  /** Of a connection whose answer is not wanted: it serves again when nothing of that answer can still come. */
  #letGo(upstream: ExchangeUpstream, parser: HeadParser, hasAll: boolean): void {
    const isClean = hasAll && parser.minorVersion === 1 && !parser.hasClose && this.requestBody.isDone
    // A stream knows by itself what its service still has to be told.
    if (this.#isFramed || (isClean && !upstream.wire.isBlocked)) upstream.rest()
    else upstream.destroy()
  }

  #onUpstreamLost(connection: ExchangeUpstream, failure: string): void {
    const { endpoint } = connection
    this.#detach()
    connection.destroy()
    // Something accepts there and nobody answers, as an engine's proxy does before a container that has gone: others shall not find out.
    const { wheel } = this.#traffic
    if (!connection.hasAnswered && endpoint.suspectUntil <= wheel.now) endpoint.noteConnectFailure(wheel.now)
    if (!this.#hasResponseHead || !this.responseBody.isDone) this.#noteOutcome(endpoint, 'closed')
    if (this.#hasResponseHead) {
      if (this.responseBody.isDone && this.#encoded !== null) {
        // What the client still has to get is in the encoder.
        if (!this.requestBody.isDone) this.#keepsClient = false
      } else if (this.responseBody.isDone) {
        // It had answered before it had the whole request, and does not want the rest.
        this.#keepsClient = false
        this.#finish()
      } else {
        this.refuse('upstream_closed', `${endpoint.address}, in the middle of its answer: ${failure}.`)
      }
    } else if (this.#promoteHedge()) {
      // The second try is the only one now.
    } else if (this.#takeTry('reset', connection.hasAnswered && !this.#hasResponseBytes)) {
      this.#sendAgain(noPause)
    } else {
      const state = this.#hasResponseBytes ? 'in the middle of its answer' : 'before it answered'
      this.refuse('upstream_closed', `${endpoint.address}, ${state}: ${failure}.`)
    }
  }

  /** What the upstream sends is not HTTP/1.1, or not a valid answer to this request. */
  #onInvalid(detail: string): void {
    const address = this.#endpoint === null ? '' : this.#endpoint.address
    if (this.#endpoint !== null) this.#noteOutcome(this.#endpoint, 'invalid')
    this.refuse('upstream_invalid', `${address}: ${detail}`)
  }

  #passInterim(parser: HeadParser): void {
    if (parser.status === 100) this.#expectsContinue = false
    if (this.#isOldClient) return
    const { shape, outputs } = this.#traffic
    shape.edit = null
    shape.isChunked = false
    shape.keepsLength = false
    shape.connection = 'implied'
    shape.date = null
    const length = this.#client.writeHead(parser, shape, outputs.ensure(responseHeadSize(parser, null)))
    if (length > 0) this.#client.wire.send(length)
  }

  #startResponse(parser: HeadParser, bytes: Uint8Array, at: number, end: number): void {
    const { status } = parser
    if (status === 101) {
      this.#startRelay(parser, bytes, at, end)
      return
    }
    const traffic = this.#traffic
    const { shape, outputs } = traffic
    const upstream = this.upstream as ExchangeUpstream
    const isOld = this.#isOldClient
    let incoming = byClose
    const isFramed = this.#isFramed
    if (this.#isHead || status === 204 || status === 304) incoming = noBody
    else if (isFramed) incoming = byClose
    else if (parser.isChunked) incoming = byChunks
    else if (parser.contentLength >= 0) incoming = byLength
    const { sizes } = this.#route as CompiledRoute
    const excess = responseExcess(sizes, parser.end - parser.start, incoming === noBody ? -1 : parser.contentLength)
    if (excess !== null) {
      this.refuse('response_too_large', excess)
      return
    }
    const instead = this.#tap?.onHead(parser, incoming !== byClose || isFramed) ?? null
    if (instead !== null) {
      this.#noteOutcome(upstream.endpoint, status)
      this.#letGo(this.#detach() as ExchangeUpstream, parser, end - at === 0)
      this.#answer(instead)
      return
    }
    const { encoding } = this.#route as CompiledRoute
    const encoder = encoding === null || incoming === noBody || isFramed ? null : this.#beginEncoding(encoding, parser)
    const isEncoded = encoder !== null
    const hasUnknownLength = isEncoded || incoming === byChunks || (incoming === byClose && parser.contentLength === -1)
    this.responseBody.begin(
      incoming,
      parser.contentLength,
      hasUnknownLength && !isOld && !isEncoded && !this.#client.isFramed,
      incoming === byChunks ? upstream.decoder : null,
    )
    this.#keepsUpstream =
      isFramed ||
      (incoming !== byClose && (parser.minorVersion === 1 ? !parser.hasClose : parser.hasKeepAlive && !parser.hasClose))
    if (parser.keepAliveSeconds !== -1) upstream.limitIdle(parser.keepAliveSeconds)
    if (
      (hasUnknownLength && isOld) ||
      this.#client.hasEnded ||
      traffic.isClosing ||
      // A client that waits for 100 may or may not send its body after this: what comes next on the connection cannot be told.
      (!this.requestBody.isDone && (this.#expectsContinue || !this.#keepsUpstream))
    ) {
      this.#keepsClient = false
    }
    let edit = this.#responseEdit()
    if (encoding !== null) edit = mergeEdits(edit, encoder === null ? encoding.plainEdit(parser) : encoder.edit)
    shape.edit = edit
    // HEAD is told what GET would have been told (RFC 9112 section 6.1).
    shape.isChunked = (hasUnknownLength && !isOld) || (this.#isHead && parser.isChunked && !isOld)
    shape.keepsLength = status !== 204 && !isEncoded
    shape.connection = 'implied'
    if (!this.#keepsClient) shape.connection = 'close'
    else if (isOld) shape.connection = 'keep-alive'
    shape.date = parser.dateIndex === -1 ? traffic.dateLine() : null
    const out = outputs.ensure(responseHeadSize(parser, edit) + end - at + bodyOverhead)
    const length = this.#client.writeHead(parser, shape, out)
    this.#status = status
    this.#hasResponseHead = true
    this.#judge(this.#call.onHead(parser))
    if (this.#second.isWanted) this.#second.note(performance.now() - this.#startedAt)
    this.#relay(bytes, at, end, out, length)
  }

  /** Passes on what `bytes[at, end)` holds of the response's body, behind the `to` bytes that `out` holds already. */
  #relay(bytes: Uint8Array, at: number, end: number, out: Buffer, to: number): void {
    if (this.#encoded !== null) {
      this.#encode(this.#encoded, bytes, at, end, to)
      return
    }
    const body = this.responseBody
    let consumed = at
    if (!body.isDone) {
      to = body.pass(bytes, at, end, out, to)
      consumed = body.consumed
      this.#tap?.onBody(out, body.dataStart, body.dataEnd)
    }
    if (body.passed > (this.#route as CompiledRoute).sizes.responseBody) {
      this.#cut()
      return
    }
    const { wire } = this.#client
    if (to > 0) wire.send(to)
    if (body.refusal !== null) {
      this.#cut()
    } else if (body.isDone) {
      if (consumed !== end) this.#keepsUpstream = false
      this.#tap?.onEnd()
      this.#judge(this.#call.onEnd(null))
      if (this.#client.isFramed) this.#client.endBody(null)
      this.#afterResponse()
    } else if (wire.isBlocked) {
      this.upstream?.wire.pause()
    }
  }

  #beginEncoding(encoding: ResponseEncoding, parser: HeadParser): ResponseEncoder | null {
    const body = new EncodedBody(this.#client, {
      onProgress: () => (this.#lastActivity = this.#traffic.wheel.now),
      onDrain: () => this.upstream?.wire.resume(),
      onEnd: () => {
        this.#encoded = null
        this.#afterResponse()
      },
      onFailed: () => this.#cut(),
    })
    const encoder = encoding.begin(this.#coding, parser, body, this.#traffic.encodings)
    if (encoder === null) return null
    body.begin(encoder)
    this.#encoded = body
    return encoder
  }

  /** As `#relay`, by way of the encoder: what it gives comes when it comes. */
  #encode(encoded: EncodedBody, bytes: Uint8Array, at: number, end: number, headLength: number): void {
    if (headLength > 0) this.#client.wire.send(headLength)
    const body = this.responseBody
    const out = this.#traffic.outputs.ensure(end - at + bodyOverhead)
    const length = body.isDone ? 0 : body.pass(bytes, at, end, out, 0)
    if (body.refusal !== null || body.passed > (this.#route as CompiledRoute).sizes.responseBody) {
      this.#cut()
      return
    }
    encoded.write(out.subarray(0, length))
    this.#tap?.onBody(out, 0, length)
    if (body.isDone) {
      this.#tap?.onEnd()
      if (body.consumed !== end) this.#keepsUpstream = false
      encoded.end()
    } else if (encoded.isFull) {
      this.upstream?.wire.pause()
    }
  }

  /** The client has been sent all of the response. */
  get #isAnswered(): boolean {
    return this.responseBody.isDone && this.#encoded === null
  }

  /** The client has the whole response. An upstream may answer before the request has ended: then the rest still goes its way. */
  #afterResponse(): void {
    if (this.requestBody.isDone) {
      this.#finish()
    } else if (!this.#keepsUpstream || this.#expectsContinue) {
      this.#keepsClient = false
      this.#finish()
    }
  }

  #startRelay(parser: HeadParser, bytes: Uint8Array, at: number, end: number): void {
    if (!this.#wantsUpgrade || parser.upgradeIndex === -1) {
      this.#onInvalid('It switches protocols unasked.')
      return
    }
    const traffic = this.#traffic
    const { shape, outputs } = traffic
    const upstream = this.upstream as ExchangeUpstream
    const edit = this.#responseEdit()
    shape.edit = edit
    shape.isChunked = false
    shape.keepsLength = false
    shape.connection = 'upgrade'
    shape.date = null
    const out = outputs.ensure(responseHeadSize(parser, edit) + end - at)
    const length = this.#client.writeHead(parser, shape, out)
    this.#status = 101
    this.#hasResponseHead = true
    const filled = copy(bytes, at, end, out, length)
    if (filled > 0) this.#client.wire.send(filled)
    const relay = new Relay(this.#client.wire, upstream.wire, traffic, () => {
      traffic.metrics.tunnels.dec()
      this.requestBody.passed = relay.sent
      this.responseBody.passed = relay.received
      this.#detach()
      this.#close()
    })
    traffic.metrics.tunnels.inc()
    upstream.relay = relay
    this.#client.startRelay(relay)
    if (this.#client.wire.isBlocked) upstream.wire.pause()
  }

  #answer(answer: OwnAnswer): void {
    if (this.#hasResponseHead) {
      this.#cut(answer)
      return
    }
    const keepAlive = this.#keepsClient && this.requestBody.isDone && !this.#client.hasEnded && !this.#traffic.isClosing
    this.#drop()
    this.#keepsClient = keepAlive
    this.#status = statusOf(answer)
    if (answer.kind === 'problem') {
      this.#reason = answer.reason
      this.#traffic.metrics.refused[answer.reason].inc()
    }
    const isOfService = answer.kind === 'response' && answer.isOfService === true
    const edit = isOfService ? this.#responseEdit() : (this.#admission?.verdict?.response ?? null)
    // HTTP/1.0 reads to the end of the connection unless it is told otherwise.
    const kept = keepAlive && this.#isOldClient ? keepAliveLine : noBytes
    const { isCall } = this.#call
    if (isCall) this.#call.status = statusOfAnswer(answer)
    this.#client.sendAnswer(isCall ? grpcAnswer(answer) : edited(answer, edit), {
      requestId: this.#requestId(),
      keepAlive,
      isHead: this.#isHead,
      ...(this.#route === null ? {} : { route: this.#route.name }),
      ...(this.#service === null ? {} : { service: this.#service.name }),
      lines: Buffer.concat([edit?.lines ?? noBytes, kept]),
    })
    this.#finish()
  }

  #requestId(): string {
    if (this.requestIdEnd === 0) {
      this.requestIdEnd = this.#traffic.ids.writeRequestId(this.#out, 0)
      this.requestIdStart = 0
    }
    return latin1(this.#out, this.requestIdStart, this.requestIdEnd)
  }

  /** The client has part of a response that will not be whole: its connection breaks, so that it can tell; a call of gRPC is told why. */
  #cut(why: OwnAnswer = brokenOff): void {
    this.#isCut = true
    this.#traffic.metrics.cut.inc()
    const { isCall } = this.#call
    if (isCall) {
      this.#call.status = statusOfAnswer(why)
      this.#status = statusOf(why)
    }
    this.#drop()
    this.#close()
    this.#client.cut(isCall ? brokenCallTrailers(why) : null)
  }

  /** What the service has answered; null when it has not said yet, or has been judged by that. */
  #judge(outcome: number | GrpcStatus | null): void {
    if (outcome === null) return
    if (typeof outcome === 'object') this.#status = outcome.httpStatus
    this.#noteOutcome(this.#endpoint as UpstreamEndpoint, outcome)
  }

  #noteOutcome(endpoint: UpstreamEndpoint, outcome: Outcome): void {
    const { now } = this.#traffic.wheel
    this.#service?.observer?.onOutcome(endpoint, outcome, now - this.#triedAt, now)
  }

  /** The route's edit of the answer, and what its policies add. */
  #responseEdit(): CompiledEdit | null {
    const edit = (this.#route as CompiledRoute).responseEdit
    const verdict = this.#admission?.verdict ?? null
    const edited = verdict === null ? edit : mergeEdits(edit, verdict.response)
    const { affinity } = this.#tries
    if (affinity === null || this.#service === null || this.#endpoint === null) return edited
    const line = this.#service.cookieLine(affinity, this.#endpoint, this.#client.listener.isSecure)
    return line === null ? edited : mergeEdits(edited, new CompiledEdit([], Buffer.from(line)))
  }

  /** Leaves the policies, the queue and the upstream. */
  #drop(): void {
    this.#admission?.abandon()
    this.#second.end()
    this.#leaveQueue()
    this.#detach()?.destroy()
  }

  /** It is not sent again by itself any more. */
  #leaveQueue(): void {
    this.#tries.stop()
    if (!this.#isPending) return
    this.#isPending = false
    this.#traffic.pending.remove(this.#service as UpstreamService, this)
  }

  #finish(): void {
    const upstream = this.#detach()
    const isClean = upstream !== null && this.#keepsUpstream && this.requestBody.isDone && !upstream.wire.isBlocked
    if (isClean) upstream.rest()
    else upstream?.destroy()
    const keeps = this.#keepsClient
    const service = this.#service
    this.#close()
    if (service !== null) this.#traffic.freed(service)
    this.#client.onExchangeOver(keeps)
  }

  /** Counts and logs it. */
  #close(): void {
    this.#encoded?.destroy()
    this.#encoded = null
    const tap = this.#tap ?? this.#admission?.request.tap
    this.#tap = null
    tap?.onClosed()
    const traffic = this.#traffic
    const service = this.#service
    const durationMs = performance.now() - this.#startedAt
    this.isActive = false
    traffic.metrics.inFlight.dec()
    this.#tries.leave(this.#hasFailed())
    const route = this.#route
    if (route !== null) {
      const metrics = service === null ? route.metrics : route.metricsFor(service)
      metrics.record(this.#status, durationMs / 1000, this.requestBody.passed, this.responseBody.passed)
      if (this.#call.status !== null) metrics.recordCall(this.#call.status)
    }
    // Numbers that the gateway itself is to blame for are its own: only what asked an endpoint says something of one.
    this.#endpoint?.counts?.record(this.#status, durationMs / 1000)
    if (traffic.accessLog !== null) this.#writeLog(durationMs)
    if (!this.#isOutLent) traffic.giveHead(this.#out)
    this.#out = noBytes
  }

  /** Whether the service has failed the request; null when nothing was found out about it. */
  #hasFailed(): boolean | null {
    if (this.#isCut) return true
    if (this.#endpoint === null || this.#status === 0) return null
    return isFailure(this.#status, 'gateway')
  }

  /** Lets the client's timer go off when the next of the timeouts may be over. */
  #arm(): void {
    const { wheel, limits } = this.#traffic
    const { now } = wheel
    let next = this.#lastActivity + limits.idleTimeoutMs + tickMs
    if (this.#isPending) next = this.#pendingDeadline
    if (this.#deadline !== 0 && this.#deadline < next) next = this.#deadline
    if (this.#attemptDeadline !== 0 && !this.#hasResponseHead && this.#attemptDeadline < next) {
      next = this.#attemptDeadline
    }
    this.#client.wakeIn(next > now ? next - now : 0)
  }

  #writeLog(durationMs: number): void {
    const { record, accessLog } = this.#traffic
    record.client = this.#admission?.request.clientAddress ?? this.#client.remoteAddress
    record.status = this.#status
    record.grpcStatus = this.#call.status?.name ?? ''
    record.requestBytes = this.requestBody.passed
    record.responseBytes = this.responseBody.passed
    record.durationMs = durationMs
    record.reason = this.#reason
    record.isCut = this.#isCut
    record.retries = this.#tries.retries
    record.requestId = this.#out
    record.requestIdStart = this.requestIdStart
    record.requestIdEnd = this.requestIdEnd
    this.#log.fill(record, this.#route, this.#service, this.#endpoint)
    accessLog?.append(record)
  }
}
