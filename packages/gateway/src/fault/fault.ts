import type { FaultSpec, RouteSpec } from '@pando/model'
import type { PolicyKind } from '../policy/policy-kind.js'
import type { PolicyRequest, RoutePolicy, Verdict } from '../policy/route-policy.js'
import { CompiledEdit } from '../route-table/header-edit.js'
import { abortHeader, decideFault, delayHeader } from './fault-decision.js'

/** Requests that are delayed at the same time in one worker; others pass undelayed, so that a test cannot fill the gateway. */
const mostDelayed = 10_000

/** Services need not know that a caller asked for a fault. */
const withoutHeaders = new CompiledEdit(
  [delayHeader, abortHeader].map((name) => Buffer.from(name)),
  Buffer.alloc(0),
)

/** `fault` of routes. */
export class Faults implements PolicyKind {
  readonly #random: () => number
  readonly #delayed = new Map<NodeJS.Timeout, () => void>()

  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  configure(): void {
    // Nothing outlives a table.
  }

  of({ fault }: RouteSpec): readonly RoutePolicy[] {
    if (fault === undefined) return []
    return [{ name: 'fault', phase: 'fault', check: (request) => this.#check(fault, request) }]
  }

  /** Ends every delay. */
  close(): void {
    for (const [timer, resolve] of this.#delayed) {
      clearTimeout(timer)
      resolve()
    }
    this.#delayed.clear()
  }

  #check(fault: FaultSpec, request: PolicyRequest): Verdict | Promise<Verdict> {
    const { delayMs, status } = decideFault(fault, (name) => request.header(name), this.#random)
    const verdict = verdictOf(status, fault.byHeader)
    if (delayMs === 0 || this.#delayed.size >= mostDelayed) return verdict
    return this.#wait(delayMs).then(() => verdict)
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#delayed.delete(timer)
        resolve()
      }, ms)
      this.#delayed.set(timer, resolve)
    })
  }
}

function verdictOf(status: number, byHeader: boolean): Verdict {
  if (status !== 0) {
    const detail = "The route's fault injection gave this answer; the service was not asked."
    return { answer: { kind: 'problem', reason: 'fault_injected', detail, status } }
  }
  return byHeader ? { request: withoutHeaders } : null
}
