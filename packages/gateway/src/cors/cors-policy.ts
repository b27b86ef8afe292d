import type { CorsSpec } from '@pando/model'
import type { PolicyRequest, RoutePolicy, Verdict } from '../policy/route-policy.js'
import { CompiledEdit } from '../route-table/header-edit.js'
import { CorsOrigins } from './cors-origins.js'

/** What the gateway says is the only word: a service's own CORS headers would come beside it, and browsers refuse two. */
const replaced = [
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-expose-headers',
  'access-control-max-age',
].map((name) => Buffer.from(name))

/** Answers by origin that are kept; there are few, as only allowed ones have one. */
const mostEdits = 256
const preflightVary = ['Vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers'] as const
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/**
 * The CORS protocol (https://fetch.spec.whatwg.org/#http-cors-protocol) for one route. Preflights are answered here, before authentication, as
 * browsers send no credentials with them. It decides who may read an answer in a browser; it keeps no request away from the service, except
 * WebSocket ones of other origins, to which browsers do not apply CORS.
 */
export class CorsPolicy implements RoutePolicy {
  readonly name = 'cors'
  readonly phase = 'cors'
  readonly #spec: CorsSpec
  readonly #origins: CorsOrigins
  /** For requests of no origin, and of one that is not allowed. */
  readonly #plain: CompiledEdit
  readonly #edits = new Map<string, CompiledEdit>()

  constructor(spec: CorsSpec) {
    this.#spec = spec
    this.#origins = new CorsOrigins(spec.origins)
    if (this.#origins.isAny && spec.hasCredentials) throw new Error('credentials need origins by name, not "*"')
    this.#plain = new CompiledEdit(replaced, this.#origins.isAny ? Buffer.alloc(0) : Buffer.from('Vary: Origin\r\n'))
  }

  check(request: PolicyRequest): Verdict {
    const origin = request.headerCount('origin') === 1 ? request.header('origin') : null
    if (origin === null) return { response: this.#plain }
    const isAllowed = this.#origins.allow(origin)
    const method = request.method === 'OPTIONS' ? request.header('access-control-request-method') : null
    if (method !== null) {
      return isAllowed
        ? this.#preflight(request, origin, method)
        : refused(`The origin ${quote(origin)} is not allowed.`)
    }
    if (isAllowed) return { response: this.#editOf(origin) }
    if (request.header('upgrade') !== null && !isOfHost(origin, request.host)) {
      return refused(`The origin ${quote(origin)} is not allowed to open a connection here.`)
    }
    return { response: this.#plain }
  }

  #preflight(request: PolicyRequest, origin: string, method: string): Verdict {
    const { methods, headers, maxAgeSeconds } = this.#spec
    const anyMethod = methods.includes('*')
    if (!token.test(method) || (!anyMethod && !methods.includes(method)))
      return refused(`The method ${quote(method)} is not allowed.`)
    const asked = (request.header('access-control-request-headers') ?? '')
      .split(',')
      .map((name) => name.trim().toLowerCase())
      .filter((name) => name !== '')
    const anyHeader = headers.includes('*')
    const wrong = asked.find((name) => !token.test(name) || (!anyHeader && !headers.includes(name)))
    if (wrong !== undefined) return refused(`The header ${quote(wrong)} is not allowed.`)
    const allowed = anyHeader ? asked : headers
    return {
      answer: {
        kind: 'response',
        status: 204,
        headers: [
          ...this.#originHeaders(origin),
          ['Access-Control-Allow-Methods', anyMethod ? method : methods.join(', ')],
          ...(allowed.length === 0 ? [] : [['Access-Control-Allow-Headers', allowed.join(', ')] as const]),
          ['Access-Control-Max-Age', String(maxAgeSeconds)],
          preflightVary,
        ],
      },
    }
  }

  #editOf(origin: string): CompiledEdit {
    const known = this.#edits.get(this.#origins.isAny ? '*' : origin)
    if (known !== undefined) return known
    const { exposeHeaders } = this.#spec
    const headers = [
      ...this.#originHeaders(origin),
      ...(exposeHeaders.length === 0 ? [] : [['Access-Control-Expose-Headers', exposeHeaders.join(', ')] as const]),
      ...(this.#origins.isAny ? [] : [['Vary', 'Origin'] as const]),
    ]
    const edit = new CompiledEdit(
      replaced,
      Buffer.from(headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')),
    )
    if (this.#edits.size >= mostEdits) this.#edits.clear()
    this.#edits.set(this.#origins.isAny ? '*' : origin, edit)
    return edit
  }

  #originHeaders(origin: string): (readonly [string, string])[] {
    return [
      ['Access-Control-Allow-Origin', this.#origins.isAny ? '*' : origin],
      ...(this.#spec.hasCredentials ? [['Access-Control-Allow-Credentials', 'true'] as const] : []),
    ]
  }
}

function refused(detail: string): Verdict {
  return { answer: { kind: 'problem', reason: 'cors_denied', detail, headers: [preflightVary] } }
}

/** A page of the host itself. */
function isOfHost(origin: string, host: string): boolean {
  const place = /^https?:\/\/(\[[^\]]*\]|[^:/]+)(?::\d+)?$/.exec(origin)?.[1]
  return place !== undefined && place === host
}

function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 97)}...` : text)
}
