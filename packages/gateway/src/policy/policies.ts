import type { GatewayConfig, RouteSpec } from '@pando/model'
import type { PolicyKind, StrayEdit } from './policy-kind.js'
import { phases, type RoutePolicy } from './route-policy.js'

/** All policies of a worker, by route. */
export class Policies {
  readonly #kinds: readonly PolicyKind[]

  constructor(kinds: readonly PolicyKind[]) {
    this.#kinds = kinds
  }

  configure(config: GatewayConfig): void {
    for (const kind of this.#kinds) kind.configure(config)
  }

  /** In the order in which they are asked. A policy that cannot be made denies everything, and `problems` says why. */
  of(route: RouteSpec, problems: string[]): readonly RoutePolicy[] {
    const policies: RoutePolicy[] = []
    for (const kind of this.#kinds) {
      try {
        policies.push(...kind.of(route))
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error)
        problems.push(`its requests are denied: ${message}`)
        policies.unshift(denial(message))
      }
    }
    return policies.toSorted((a, b) => phases.indexOf(a.phase) - phases.indexOf(b.phase))
  }

  /** Of the kinds one at most has any. */
  strayEdit(): StrayEdit {
    return this.#kinds.find((kind) => kind.strayEdit !== undefined)?.strayEdit?.() ?? (() => null)
  }

  warnings(): Readonly<Record<string, readonly string[]>> {
    return Object.assign({}, ...this.#kinds.map((kind) => kind.warnings?.() ?? {}))
  }

  close(): void {
    for (const kind of this.#kinds) kind.close()
  }
}

function denial(detail: string): RoutePolicy {
  return {
    name: 'denial',
    phase: 'address',
    check: () => ({ answer: { kind: 'problem', reason: 'policy_failed', detail } }),
  }
}
