import type { AuthenticatorSpec, GatewayConfig, RouteSpec } from '@pando/model'
import type { GatewayMetrics } from '../metrics/gateway-metrics.js'
import type { PolicyKind } from '../policy/policy-kind.js'
import type { RoutePolicy } from '../policy/route-policy.js'
import type { CompiledEdit } from '../route-table/header-edit.js'
import { ApiKeysAuthenticator, ApiKeyTable } from './api-keys.js'
import { AuthPolicy } from './auth-policy.js'
import type { Authenticator, AuthenticatorContext } from './authenticator.js'
import { BasicAuthenticator } from './basic.js'
import { ExternalAuthenticator } from './external.js'
import { strippingEdit } from './identity-edit.js'
import { JwtAuthenticator } from './jwt-authenticator.js'
import { openKeys } from './keys/open-keys.js'
import { LoginAuthenticator } from './login/login-authenticator.js'

/** The authenticators of a worker, and who gets in by them. One whose description did not change keeps its keys and what it remembers. */
export class AuthPolicies implements PolicyKind {
  readonly #onTrouble: (message: string) => void
  readonly #keys: ApiKeyTable
  #authenticators = new Map<string, { readonly description: string; readonly authenticator: Authenticator }>()
  #strip: CompiledEdit | null = null

  constructor(metrics: GatewayMetrics, onTrouble: (message: string) => void) {
    this.#keys = new ApiKeyTable((id) => metrics.apiKeyRequests.with(id))
    this.#onTrouble = onTrouble
  }

  configure(config: GatewayConfig): void {
    const specs = Object.values(config.authenticators ?? {})
    this.#keys.replace(config.apiKeys ?? [])
    const stripped = strippedNames(specs)
    this.#strip = strippingEdit(stripped)
    const before = this.#authenticators
    this.#authenticators = new Map()
    for (const spec of specs) {
      const description = JSON.stringify([spec, stripped, config.app])
      const kept = before.get(spec.name)
      if (kept?.description === description) {
        before.delete(spec.name)
        this.#authenticators.set(spec.name, kept)
        continue
      }
      const onTrouble = (message: string): void => this.#onTrouble(`authenticator ${spec.name}: ${message}`)
      const context: AuthenticatorContext = { realm: config.app, stripped, now: Date.now, onTrouble }
      try {
        this.#authenticators.set(spec.name, { description, authenticator: this.#make(spec, context) })
      } catch (error) {
        // Routes that name it deny; all others go on.
        onTrouble((error as Error).message)
      }
    }
    for (const { authenticator } of before.values()) authenticator.close()
  }

  of(route: RouteSpec): readonly RoutePolicy[] {
    const { auth } = route
    if (auth === undefined || auth === null) return this.#strip === null ? [] : [stripping(this.#strip)]
    const authenticators = auth.anyOf.map((name) => {
      const found = this.#authenticators.get(name)
      if (found === undefined) throw new Error(`there is no authenticator ${JSON.stringify(name)}`)
      return found.authenticator
    })
    if (authenticators.length === 0) throw new Error('the route needs a credential, and none is named')
    const services = route.backends.filter(({ weight }) => weight > 0).map(({ service }) => service)
    return [new AuthPolicy(auth, authenticators, services)]
  }

  /** Of authenticators that have any, by name. */
  warnings(): Readonly<Record<string, readonly string[]>> {
    const found: Record<string, readonly string[]> = {}
    for (const [name, { authenticator }] of this.#authenticators) {
      if (authenticator.warnings.length > 0) found[name] = authenticator.warnings
    }
    return found
  }

  close(): void {
    for (const { authenticator } of this.#authenticators.values()) authenticator.close()
    this.#authenticators.clear()
  }

  #make(spec: AuthenticatorSpec, context: AuthenticatorContext): Authenticator {
    switch (spec.kind) {
      case 'jwt':
        return new JwtAuthenticator(spec, openKeys(spec.keys, context.onTrouble), context)
      case 'api_keys':
        return new ApiKeysAuthenticator(spec, this.#keys, context)
      case 'basic':
        return new BasicAuthenticator(spec, context)
      case 'external':
        return new ExternalAuthenticator(spec, context)
      case 'login':
        return new LoginAuthenticator(spec, context)
      default:
        throw new Error('it is of a kind that this gateway does not know')
    }
  }
}

/** Whatever services are told who it is by, on whichever route: in lower case, each once. */
function strippedNames(specs: readonly AuthenticatorSpec[]): string[] {
  const names = specs.flatMap((spec) =>
    spec.kind === 'external' ? spec.upstreamHeaders : spec.claimHeaders.map(({ header }) => header),
  )
  return [...new Set(names.map((name) => name.toLowerCase()))].toSorted()
}

function stripping(request: CompiledEdit): RoutePolicy {
  const verdict = { request }
  return { name: 'identity', phase: 'authenticate', check: () => verdict }
}
