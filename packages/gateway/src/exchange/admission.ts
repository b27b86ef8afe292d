import { type Admission, askPolicies } from '../policy/ask.js'
import { HeadRequest } from '../policy/head-request.js'
import type { CompiledRoute } from '../route-table/compiled-route.js'
import type { ExchangeClient } from '../http1/exchange-client.js'
import type { Head } from '../http1/head.js'
import { complete, HeadParser } from '../http1/head-parser.js'
import type { Traffic } from '../http1/traffic.js'

/** Who has asked the policies of a request. */
export interface AdmissionOwner {
  /** Policies that had to wait have decided: there is a verdict. `parser` holds a copy of the head, as the connection has gone on reading. */
  onDecided(parser: Head): void
}

/** One request before the policies of its route. */
export class RequestAdmission {
  readonly request: HeadRequest
  /** The verdict; null while it is waited for. */
  verdict: Admission | null = null
  readonly #route: CompiledRoute
  readonly #traffic: Traffic
  readonly #owner: AdmissionOwner
  #isAbandoned = false

  constructor(route: CompiledRoute, parser: Head, client: ExchangeClient, traffic: Traffic, owner: AdmissionOwner) {
    this.request = new HeadRequest(parser, client.listener, client.remoteAddress)
    this.request.identity = client.identity
    this.#route = route
    this.#traffic = traffic
    this.#owner = owner
    const verdict = askPolicies(route.policies, this.request, (policy, cause) => {
      traffic.onTrouble(`route ${route.name}: policy ${policy.name} failed: ${describe(cause)}`)
    })
    if (verdict instanceof Promise) this.#await(verdict, parser)
    else this.verdict = verdict
  }

  /** Nobody wants the verdict any more. */
  abandon(): void {
    this.#isAbandoned = true
  }

  #await(verdict: Promise<Admission>, parser: Head): void {
    const bytes = Buffer.from(parser.bytes.subarray(parser.start, parser.end))
    const kept = new HeadParser(true, this.#traffic.limits)
    kept.begin(bytes, 0)
    const isRight = kept.parse(bytes.length) === complete
    this.request.moveTo(kept)
    void this.#decideLater(verdict, kept, isRight)
  }

  async #decideLater(verdict: Promise<Admission>, kept: Head, isRight: boolean): Promise<void> {
    const admission = await verdict
    if (this.#isAbandoned) {
      this.request.tap?.onClosed()
      return
    }
    this.verdict = isRight ? admission : this.#denied()
    this.#owner.onDecided(kept)
  }

  /** A table with narrower limits came between the two readings of the head. */
  #denied(): Admission {
    const detail = `The limits of the gateway changed while ${this.#route.name} was being decided on.`
    return {
      request: null,
      response: null,
      answer: { kind: 'problem', reason: 'policy_failed', detail, retryAfterSeconds: 1 },
    }
  }
}

function describe(cause: unknown): string {
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
}
