import { HeadRequest } from '../policy/head-request.js'
import type { Head } from '../http1/head.js'
import { isRead } from '../http1/methods.js'
import { describeRequest, type OwnAnswer, redirectOf, secureRedirect } from '../http1/own-answer.js'
import type { CompiledRoute } from '../route-table/compiled-route.js'
import { CompiledEdit, mergeEdits } from '../route-table/header-edit.js'
import { tickMs } from '../timer-wheel.js'
import type { UpstreamService } from '../upstream.js'
import { type AdmissionOwner, RequestAdmission } from './admission.js'
import { deadlineEdit, deadlineOf, isOver } from './deadline-line.js'
import type { Exchange } from './exchange.js'
import { healthAnswer } from './health-answer.js'
import { hasIdempotencyKey } from './retriable-answer.js'
import { answerOfLast, forwardsEdit, forwardsLeft } from './max-forwards.js'
import { requestTrailerEdit } from './trailers.js'

const shed: OwnAnswer = {
  kind: 'problem',
  reason: 'overloaded',
  detail: 'The gateway is late with its work, and takes no more from outside until it has caught up.',
  retryAfterSeconds: 1,
}
const tooLate: OwnAnswer = {
  kind: 'problem',
  reason: 'upstream_timeout',
  detail: 'Whoever asked has waited as long as it said it would (X-Request-Deadline).',
}
const ambiguous: OwnAnswer = {
  kind: 'problem',
  reason: 'bad_request',
  detail: 'Without the parameters in its path (";" and what follows) it would be a request of another route.',
}
const noBackend: OwnAnswer = {
  kind: 'problem',
  reason: 'no_healthy_endpoint',
  detail: 'No backend of the route takes traffic.',
}

/**
 * Where a request goes, as its head says: which route is its, what that route's policies make of it, to which service and with which head it goes on,
 * or what the gateway answers instead.
 */
export class Routing implements AdmissionOwner {
  route: CompiledRoute | null = null
  /** Null when none is asked. */
  service: UpstreamService | null = null
  /** The service is spoken to in HTTP/2: as a new table may say otherwise meanwhile, that is decided once. */
  isFramed = false
  /** Of a route that has policies; its verdict is null while one of them waits for something. */
  admission: RequestAdmission | null = null
  /** What the body of the answer may be encoded in for this client; empty: nothing. */
  coding = ''
  /** What the gateway answers by itself as soon as it has taken what came with the head; null when it asks a service. */
  ownAnswer: OwnAnswer | null = null
  readonly #exchange: Exchange
  /** The deadline as services are told it, milliseconds since the epoch; 0 is none. */
  #deadlineAt = 0
  /** How often it may still be sent on, as `forwardsLeft` says. */
  #forwardsLeft = Infinity

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  /** A new request. Unless it `isBeingDecided` then, the head that goes on is written, or there is an answer. */
  begin(parser: Head): void {
    const { client, traffic } = this.#exchange
    this.service = null
    this.isFramed = false
    this.admission = null
    this.coding = ''
    this.ownAnswer = null
    this.#deadlineAt = 0
    const route = this.#match(parser)
    this.route = route
    if (route === null) return
    this.#allowTries(parser, route)
    if (traffic.shedding.isOn && !client.listener.isMesh) {
      this.ownAnswer = shed
      return
    }
    this.#forwardsLeft = forwardsLeft(parser)
    if (!(this.#forwardsLeft > 0)) {
      const allow = client.listener.isMesh ? null : traffic.table.methodsOf(parser)
      this.ownAnswer = answerOfLast(parser, this.#forwardsLeft, allow)
      return
    }
    this.#setDeadline(parser, route)
    if (this.ownAnswer !== null) return
    this.#pickService(route)
    if (route.policies.length > 0) {
      this.admission = new RequestAdmission(route, parser, client, traffic, this)
      if (this.admission.verdict === null) return
    }
    this.#prepare(parser, route)
  }

  /** A policy of the route waits for something: what comes meanwhile is gathered. */
  get isBeingDecided(): boolean {
    return this.admission !== null && this.admission.verdict === null
  }

  /** What has come of the body meanwhile goes behind the head. */
  onDecided(parser: Head): void {
    const { intake, outgoing, timeouts, traffic } = this.#exchange
    const gathered = Buffer.from(outgoing.whole())
    timeouts.lastActivity = traffic.wheel.now
    this.#prepare(parser, this.route as CompiledRoute)
    if (this.ownAnswer === null) intake.restore(gathered)
    this.#exchange.dispatch()
  }

  /** The route's edit of the request, and what its policies add. */
  requestEdit(): CompiledEdit | null {
    const edit = (this.route as CompiledRoute).requestEdit
    const verdict = this.admission === null ? null : this.admission.verdict
    return verdict === null ? edit : mergeEdits(edit, verdict.request)
  }

  /** The route's edit of the answer, and what its policies add. */
  responseEdit(): CompiledEdit | null {
    const { attempt, client, tries } = this.#exchange
    const edit = (this.route as CompiledRoute).responseEdit
    const edited = this.admission === null ? edit : mergeEdits(edit, this.policyEdit())
    const { affinity } = tries
    if (affinity === null || this.service === null || attempt.endpoint === null) return edited
    const line = this.service.cookieLine(affinity, attempt.endpoint, client.listener.isSecure)
    return line === null ? edited : mergeEdits(edited, new CompiledEdit([], Buffer.from(line)))
  }

  /** Whether the route or its policies take a field out of the request's head, by its `fieldName`. */
  dropsFromRequest(name: string): boolean {
    const { route, admission } = this
    return route?.requestEdit?.dropsField(name) === true || admission?.verdict?.request?.dropsField(name) === true
  }

  /** The same of the answer's head. */
  dropsFromResponse(name: string): boolean {
    const { route, admission } = this
    return route?.responseEdit?.dropsField(name) === true || admission?.verdict?.response?.dropsField(name) === true
  }

  /** What the policies add to an answer. */
  policyEdit(): CompiledEdit | null {
    const { client, traffic } = this.#exchange
    if (this.route === null) return traffic.table.strayEdit(client.listener)
    return this.admission?.verdict?.response ?? null
  }

  #match(parser: Head): CompiledRoute | null {
    const { client, traffic } = this.#exchange
    const { isMesh, name, redirectPort } = client.listener
    const { table } = traffic
    const health = healthAnswer(parser, client.listener, traffic)
    if (health !== null) {
      this.#exchange.account.leaveOutOfLog()
      this.ownAnswer = health
      return null
    }
    if (redirectPort !== null) {
      this.ownAnswer = secureRedirect(parser, redirectPort)
      return null
    }
    const route = isMesh ? table.mesh(name) : table.matchEdge(parser)
    if (route !== null) {
      if (isMesh || !table.isAmbiguous(parser, route)) return route
      this.ownAnswer = ambiguous
      return null
    }
    const allow = isMesh ? null : table.allowedMethods(parser)
    const detail = `${describeRequest(parser)} matches no route.`
    this.ownAnswer =
      allow === null
        ? { kind: 'problem', reason: 'no_route', detail }
        : { kind: 'problem', reason: 'method_not_allowed', detail, allow }
    return null
  }

  /** Whether it may be sent again, and tried twice at once. */
  #allowTries(parser: Head, { retry, hedge }: CompiledRoute): void {
    const { requestBody, second, traits } = this.#exchange
    if (!traits.isIdempotent && retry !== null) {
      traits.isIdempotent = retry.idempotent || (retry.idempotencyKey && hasIdempotencyKey(parser))
    }
    const isHedged = hedge !== null && requestBody.isDone && !traits.wantsUpgrade && isRead(parser)
    second.begin(isHedged ? hedge : null)
  }

  #setDeadline(parser: Head, route: CompiledRoute): void {
    const { call, client, timeouts, traffic } = this.#exchange
    const ownMs = route.requestTimeoutMs ?? traffic.limits.requestTimeoutMs
    const deadlineAt = deadlineOf(parser, { ownMs, isGrpc: call.isCall, isMesh: client.listener.isMesh })
    this.#deadlineAt = deadlineAt
    if (deadlineAt === isOver) this.ownAnswer = tooLate
    else if (deadlineAt > 0) timeouts.deadline = traffic.wheel.now + deadlineAt - Date.now() + tickMs
  }

  #pickService(route: CompiledRoute): void {
    const { client, requestBody, traits } = this.#exchange
    if (route.redirect === null) this.service = route.pickService()
    this.isFramed = this.service?.isFramed === true
    if (!this.isFramed) return
    if (client.isFramed) requestBody.endByClose()
    else requestBody.isOutChunked = false
    traits.wantsUpgrade = false
  }

  /** Writes what goes upstream, or finds what is to be answered instead. */
  #prepare(parser: Head, route: CompiledRoute): void {
    const { client, intake, outgoing, traits, tries } = this.#exchange
    const { admission } = this
    const verdict = admission === null ? null : admission.verdict
    let edit = mergeEdits(forwardsEdit(this.#forwardsLeft), this.requestEdit())
    if (this.#deadlineAt > 0) edit = mergeEdits(edit, deadlineEdit(this.#deadlineAt))
    edit = mergeEdits(edit, requestTrailerEdit(this.#exchange, parser))
    outgoing.writeHead(parser, route, edit, client, traits.wantsUpgrade)
    this.ownAnswer = verdict?.answer ?? this.#answerTo(parser, route)
    if (route.encoding !== null && !traits.isOldClient) this.coding = route.encoding.codingFor(parser)
    if (this.ownAnswer !== null) {
      // What the gateway answers by itself counts against no service.
      this.service = null
      return
    }
    if (route.mirror !== null) intake.beginCopy(route.mirror, parser)
    if (this.service?.looksAtRequests === true) {
      const request = admission?.request ?? new HeadRequest(parser, client.listener, client.remoteAddress)
      tries.affinity = this.service.affinityOf(request)
    }
  }

  /** The answer to a request that is asked of no service, though the policies let it pass. */
  #answerTo(parser: Head, route: CompiledRoute): OwnAnswer | null {
    const { client, traffic } = this.#exchange
    const maxBodyBytes = route.sizes.requestBody ?? traffic.limits.maxBodyBytes
    if (maxBodyBytes > 0 && parser.contentLength > maxBodyBytes) {
      const detail = `The body has ${parser.contentLength} bytes; ${maxBodyBytes} are allowed.`
      return { kind: 'problem', reason: 'body_too_large', detail }
    }
    if (route.redirect !== null) return redirectOf(parser, route, client.listener)
    return this.service === null ? noBackend : null
  }
}
