import type { ExchangeUpstream, UpstreamUser } from '../http1/exchange-upstream.js'
import type { Head } from '../http1/head.js'
import type { UpstreamService } from '../upstream.js'
import type { Exchange } from './exchange.js'
import type { SentRead } from './hedge.js'
import { type AskedPause, noPause, pauseAskedFor } from './retriable-answer.js'
import type { HedgedExchange } from './second-try.js'
import type { RetryCause } from './tries.js'

/**
 * What follows a try that has failed before its answer began: the second try beside it takes its place, the request is sent again, or it is refused.
 *
 * Invariant: a request that was sent is sent again only if the service has done nothing with it, or if it is idempotent; only while all of it is still
 * there; and never after the head of its answer was passed on, as the client has part of that one.
 */
export class FurtherTries implements HedgedExchange {
  readonly #exchange: Exchange

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  get upstream(): ExchangeUpstream | null {
    return this.#exchange.attempt.upstream
  }

  /** The head, which is all of a request that may be tried a second time. */
  get sent(): SentRead {
    const { outgoing, takesTrailers } = this.#exchange
    return { bytes: Buffer.from(outgoing.whole()), takesTrailers }
  }

  onSecondAnswer(upstream: ExchangeUpstream): UpstreamUser {
    const { attempt, dispatcher, routing, traffic } = this.#exchange
    traffic.table.serviceMetrics(routing.service as UpstreamService).hedgesWon.inc()
    const slow = attempt.detach()
    // The first one may have failed, and wait for its next turn.
    dispatcher.leave()
    attempt.adopt(upstream)
    slow?.destroy()
    return this.#exchange
  }

  /** The upstream has gone. */
  onLost(upstream: ExchangeUpstream, failure: string): void {
    const { attempt } = this.#exchange
    if (this.#promoteSecond()) return
    if (this.#take('reset', upstream.hasAnswered && !attempt.hasAnswerBytes)) {
      this.#sendAgain(noPause)
      return
    }
    const state = attempt.hasAnswerBytes ? 'in the middle of its answer' : 'before it answered'
    this.#exchange.refuse('upstream_closed', `The connection to it ended ${state}: ${failure}.`)
  }

  /** The service says that it has done nothing with the request, so that its method does not matter. True when it is being tried further. */
  onRefused(): boolean {
    const { outgoing, tries } = this.#exchange
    // A second try is the only one now: sent once more, the request would be answered twice.
    if (this.#promoteSecond()) return true
    if (!outgoing.isReplayable || !tries.takeUntouched()) return false
    this.#sendAgain(noPause)
    return true
  }

  /** The answer to this try did not begin in time. */
  onTimeout(): void {
    const { attempt } = this.#exchange
    const upstream = attempt.detach()
    if (upstream !== null) attempt.note(upstream.endpoint, 'timeout')
    upstream?.destroy()
    if (this.#promoteSecond()) return
    if (this.#take('timeout', false)) {
      this.#sendAgain(noPause)
      return
    }
    const detail = 'The service did not begin its answer in the time that the route gives it.'
    this.#exchange.refuse('upstream_timeout', detail)
  }

  /**
   * The head of an answer has been read, and `rest` bytes of its body: when the request may be sent again for what it says, the answer is let go. False when
   * the client is to have it.
   */
  insteadOf(parser: Head, rest: number): boolean {
    const { attempt, call, timeouts, traffic, traits } = this.#exchange
    const said = call.saidBy(parser)
    if (said === null || !this.#isAllowed(said)) return false
    const { now } = traffic.wheel
    const leftMs = timeouts.deadline === 0 ? Infinity : timeouts.deadline - now
    const pause = pauseAskedFor(parser, { isCall: typeof said !== 'number', leftMs, unixMs: Date.now() })
    if (pause === null || !this.#take(said, false)) return false
    const { endpoint } = attempt.upstream as ExchangeUpstream
    attempt.note(endpoint, said)
    const status = typeof said === 'number' ? said : said.httpStatus
    // Each try is one of its revision's, or a canary's errors would be hidden by what mends them.
    endpoint.counts?.record(status, (now - attempt.startedAt) / 1000)
    attempt.letGo(parser, rest === (traits.isHead ? 0 : parser.contentLength))
    this.#sendAgain(pause)
    return true
  }

  /** Whether the request can be sent again at all, and may for that cause. */
  #isAllowed(cause: RetryCause): boolean {
    const { outgoing, response, traits, tries } = this.#exchange
    return (
      traits.isIdempotent && outgoing.isReplayable && !traits.wantsUpgrade && !response.hasHead && tries.allows(cause)
    )
  }

  #take(cause: RetryCause, isPaidFor: boolean): boolean {
    return this.#isAllowed(cause) && this.#exchange.tries.take(cause, isPaidFor)
  }

  /** True when there is a second try that takes the place of the one that has failed. */
  #promoteSecond(): boolean {
    const { attempt, response, second } = this.#exchange
    const upstream = response.hasHead ? null : second.give()
    if (upstream === null) return false
    attempt.hasAnswerBytes = false
    attempt.adopt(upstream)
    return true
  }

  /** After what the answer or the rules say. */
  #sendAgain(asked: AskedPause): void {
    const { attempt, dispatcher, tries } = this.#exchange
    attempt.forget()
    const ms = tries.pauseMs(asked)
    if (ms === 0) {
      dispatcher.enterAgain()
      return
    }
    this.#exchange.arm()
    tries.pause(ms, () => dispatcher.enterAgain())
  }
}
