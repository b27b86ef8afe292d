import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { LoginAuthenticatorSpec } from '@pando/model'
import type { OwnAnswer } from '../../http1/own-answer.js'
import type { PolicyRequest } from '../../policy/route-policy.js'
import { type Authenticator, type AuthenticatorContext, type Identified, type Outcome } from '../authenticator.js'
import { cookieLineWithout, cookiesOf, pairsOf, quoted } from '../credentials.js'
import { identityLines, strippingEdit } from '../identity-edit.js'
import { claimAt, type Claims, scopesOf } from '../jwt/claims.js'
import { WatchedFile } from '../keys/watched-file.js'
import { Recent } from '../../recent.js'
import { CookieSeal } from './cookie-seal.js'
import { type LoginProblem, loginProblem } from './login-problem.js'
import { prefersHtml } from './prefers-html.js'
import { type LoginAttempt, Provider } from './provider.js'

/** A login that takes longer begins anew. */
const attemptMs = 600_000
const mostAttempts = 5
const longestReturn = 2_000
/** What browsers keep of one cookie, with its name and attributes (RFC 6265 section 6.1). */
const longestCookie = 3_800
const rememberedSessions = 1_024
/** Of the token itself, not of who it is about. */
const protocolClaims = new Set([
  'iss',
  'aud',
  'exp',
  'iat',
  'nbf',
  'nonce',
  'azp',
  'at_hash',
  'c_hash',
  's_hash',
  'jti',
])

interface Attempt extends LoginAttempt {
  readonly returnTo: string
  readonly expiresAt: number
}

interface Session {
  readonly claims: Claims
  readonly expiresAt: number
}

/**
 * Login for browsers by OpenID Connect. Everything that is remembered of a login is in cookies which only the gateway can read, so that every worker
 * knows it and a restart loses nothing:
 *
 *   page ─ no session ─▶ provider, with state, nonce and PKCE; a cookie keeps them ─▶ callback ─ cookie and state agree ─▶ session cookie, back to the page
 */
export class LoginAuthenticator implements Authenticator {
  readonly name: string
  readonly challenge: string
  readonly #spec: LoginAuthenticatorSpec
  readonly #context: AuthenticatorContext
  readonly #provider: Provider
  readonly #files: readonly WatchedFile[]
  readonly #sessions = new Recent<Session>(rememberedSessions)
  #seal: CookieSeal | null = null
  #clientSecret: string | null = null

  constructor(spec: LoginAuthenticatorSpec, context: AuthenticatorContext) {
    this.name = spec.name
    this.challenge = `Cookie realm=${quoted(context.realm)}`
    this.#spec = spec
    this.#context = context
    const files = [
      new WatchedFile(
        spec.cookieSecretPath,
        (bytes) => {
          this.#seal = new CookieSeal(bytes, `pando login ${context.realm} ${spec.name}`)
          this.#sessions.clear()
        },
        context.onTrouble,
      ),
    ]
    if (spec.clientSecretPath !== null) {
      const take = (bytes: Buffer): void => {
        this.#clientSecret = bytes.toString('utf8').trim()
      }
      files.push(new WatchedFile(spec.clientSecretPath, take, context.onTrouble))
    }
    this.#files = files
    this.#provider = new Provider(spec, {
      secret: () => this.#clientSecret,
      now: context.now,
      onTrouble: context.onTrouble,
    })
  }

  authenticate(request: PolicyRequest): Outcome | Promise<Outcome> {
    try {
      const outcome = this.#authenticate(request)
      return outcome instanceof Promise ? outcome.catch((error: unknown) => this.#failed(request, error)) : outcome
    } catch (error) {
      return this.#failed(request, error)
    }
  }

  #authenticate(request: PolicyRequest): Outcome | Promise<Outcome> {
    const { path } = this.#spec
    const here = request.path
    if (here === `${path}/callback`) return this.#finish(request)
    if (here === `${path}/logout`) return { kind: 'answered', answer: this.#logout(request) }
    // Nothing else of that path is a service's.
    if (here === path || here.startsWith(`${path}/`))
      return answered(request, { kind: 'nothingHere', detail: 'The login has no page of this name.' })
    const session = this.#sessionOf(request)
    if (session !== null) return this.#identify(session, request)
    if (this.#provider.metadata !== null) return null
    // Without the provider's word nobody can be sent there; where it does not come, that is what is answered.
    const asked = this.#provider.refresh()
    return asked === null ? this.#withoutProvider(request) : asked.then(() => this.#withoutProvider(request))
  }

  /** A page is sent to the provider; what a program asks for gets 401, as it could do nothing with a login page. */
  invite(request: PolicyRequest): OwnAnswer | null {
    if (!isPage(request)) return null
    try {
      return this.#sendAway(request)
    } catch (error) {
      return this.#failed(request, error).answer
    }
  }

  #sendAway(request: PolicyRequest): OwnAnswer {
    const origin = this.#originOf(request)
    const attempt: Attempt = {
      state: randomBytes(32).toString('base64url'),
      nonce: randomBytes(32).toString('base64url'),
      verifier: randomBytes(32).toString('base64url'),
      redirectUri: `${origin}${this.#spec.path}/callback`,
      returnTo: returnPath(request),
      expiresAt: this.#context.now() + attemptMs,
    }
    const location = this.#provider.authorizationUrl(attempt)
    const name = this.#attemptName(request, attempt.state)
    const value = this.#sealOrThrow().seal(name, attempt)
    const cookies = [...this.#spareAttempts(request), this.#cookie(request, name, value, attemptMs)]
    return redirect(location, cookies)
  }

  get warnings(): readonly string[] {
    const troubles = [...this.#files.map(({ trouble }) => trouble), this.#provider.warning]
    return troubles.filter((trouble) => trouble !== null)
  }

  close(): void {
    this.#provider.close()
    for (const file of this.#files) file.close()
  }

  #withoutProvider(request: PolicyRequest): Outcome {
    return this.#provider.metadata === null && isPage(request) ? this.#cannotSay(request) : null
  }

  /** Its cause is not for who asks: it may name addresses of ours, and the operator was told. */
  #cannotSay(request: PolicyRequest, tryAgain = returnPath(request), cookies: readonly string[] = []): Answered {
    const detail = `The authenticator "${this.name}" cannot say who it is at present.`
    return answered(request, { kind: 'unavailable', detail, tryAgain, cookies })
  }

  /** A program gets what every policy that fails is answered with. */
  #failed(request: PolicyRequest, error: unknown, tryAgain?: string, cookies?: readonly string[]): Answered {
    if (!prefersHtml(request.header('accept'))) throw error
    this.#context.onTrouble(`authenticator ${this.name} failed: ${String(error)}`)
    // The way back of a login is good for one time only.
    const isOwn = request.path.startsWith(`${this.#spec.path}/`)
    return this.#cannotSay(request, tryAgain ?? (isOwn ? '/' : returnPath(request)), cookies)
  }

  async #finish(request: PolicyRequest): Promise<Outcome> {
    const query = new URLSearchParams(request.query)
    const state = query.get('state') ?? ''
    const name = this.#attemptName(request, state)
    const attempt = this.#attemptOf(request, name, state)
    const clear = this.#cookie(request, name, '', 0)
    if (attempt === null) {
      const detail = 'This login was not begun in this browser, or took too long. Go back to the page and begin again.'
      return answered(request, { kind: 'notBegun', detail, tryAgain: '/' })
    }
    const tryAgain = attempt.returnTo
    const cookies = [clear]
    const issuer = query.get('iss')
    const error = query.get('error')
    const code = query.get('code')
    // RFC 9207: an answer of another provider.
    if ((issuer !== null && issuer !== this.#spec.issuer) || (error === null && code === null)) {
      const detail = 'The answer is not that of the provider.'
      return answered(request, { kind: 'notAnswered', detail, cookies, tryAgain })
    }
    if (error !== null) {
      // RFC 6749 section 4.1.2.1 has no other characters in it.
      const detail = `The provider did not let you in: ${error.slice(0, 100).replaceAll(/[^ !#-[\]-~]/g, '?')}`
      return answered(request, { kind: 'notLetIn', detail, cookies, tryAgain })
    }
    try {
      return { kind: 'answered', answer: await this.#signIn(request, attempt, code ?? '', clear) }
    } catch (error) {
      return this.#failed(request, error, tryAgain, cookies)
    }
  }

  async #signIn(request: PolicyRequest, attempt: Attempt, code: string, clear: string): Promise<OwnAnswer> {
    if (this.#provider.metadata === null) await this.#provider.refresh()
    const claims = await this.#provider.redeem(code, attempt)
    const session: Session = { claims: this.#kept(claims), expiresAt: this.#context.now() + this.#spec.sessionMs }
    const name = this.#sessionName(request)
    const value = this.#sealOrThrow().seal(name, session)
    if (value.length > longestCookie) throw new Error('what the provider says of them does not fit into a cookie')
    return redirect(attempt.returnTo, [clear, this.#cookie(request, name, value, this.#spec.sessionMs)])
  }

  #logout(request: PolicyRequest): OwnAnswer {
    // Another site's page could log somebody out.
    if (request.header('sec-fetch-site') === 'cross-site')
      return loginProblem(request, { kind: 'askedElsewhere', detail: 'Another site asks for it.' })
    const end = this.#provider.metadata?.endSessionEndpoint ?? null
    let location = '/'
    if (end !== null) {
      const url = new URL(end)
      url.searchParams.set('client_id', this.#spec.clientId)
      location = url.href
    }
    return redirect(location, [this.#cookie(request, this.#sessionName(request), '', 0)])
  }

  #sessionOf(request: PolicyRequest): Session | null {
    const name = this.#sessionName(request)
    const cookies = cookiesOf(request, name)
    // A second one is somebody's who could set cookies for this name: neither is believed.
    if (cookies.length !== 1) return null
    const [value] = cookies
    let session = this.#sessions.get(value)
    if (session === undefined) {
      const opened = this.#sealOrThrow().open(name, value)
      if (opened === null) return null
      session = opened as unknown as Session
      this.#sessions.set(value, session)
    }
    return this.#context.now() < session.expiresAt ? session : null
  }

  #identify({ claims }: Session, request: PolicyRequest): Identified {
    const { claimHeaders, forwardsCredential } = this.#spec
    const prefix = this.#prefix(request)
    const cookies = forwardsCredential ? '' : cookieLineWithout(request, (name) => name.startsWith(prefix))
    const stripped = forwardsCredential ? this.#context.stripped : [...this.#context.stripped, 'cookie']
    return {
      kind: 'identified',
      identity: { kind: 'login', subject: String(claims['sub']), claims },
      scopes: scopesOf(claims),
      request: strippingEdit(stripped, cookies + identityLines(claimHeaders, claims)),
    }
  }

  /** As much as fits into a cookie: all that is said of them, else what services are told. */
  #kept(claims: Claims): Claims {
    const all = Object.fromEntries(Object.entries(claims).filter(([name]) => !protocolClaims.has(name)))
    if (JSON.stringify(all).length * 1.4 < longestCookie) return all
    const told = this.#spec.claimHeaders.map(({ claim }) => [claim, claimAt(claims, claim)])
    return { ...Object.fromEntries(told), sub: claims['sub'] }
  }

  #attemptOf(request: PolicyRequest, name: string, state: string): Attempt | null {
    const cookies = cookiesOf(request, name)
    if (cookies.length !== 1 || state === '') return null
    const attempt = this.#sealOrThrow().open(name, cookies[0]) as unknown as Attempt | null
    if (attempt === null || this.#context.now() >= attempt.expiresAt) return null
    const [a, b] = [Buffer.from(attempt.state), Buffer.from(state)]
    return a.length === b.length && timingSafeEqual(a, b) ? attempt : null
  }

  /** Each tab has its own; when there are too many, those that were left go. */
  #spareAttempts(request: PolicyRequest): string[] {
    const prefix = `${this.#prefix(request)}-`
    const names = pairsOf(request).map((pair) => pair.split('=', 1)[0].trim())
    const attempts = names.filter((name) => name.startsWith(prefix) && /^[\w-]+$/.test(name))
    return attempts.length < mostAttempts ? [] : attempts.slice(0, 20).map((name) => this.#cookie(request, name, '', 0))
  }

  #originOf(request: PolicyRequest): string {
    if (this.#spec.origin !== null) return this.#spec.origin
    const host = request.header('host') ?? ''
    if (!/^[A-Za-z0-9.-]+(:\d{1,5})?$|^\[[0-9A-Fa-f:.]+\](:\d{1,5})?$/.test(host))
      throw new Error('the request has no host to come back to')
    return `${request.listener.isSecure ? 'https' : 'http'}://${host}`
  }

  #isSecure(request: PolicyRequest): boolean {
    return this.#spec.origin === null ? request.listener.isSecure : this.#spec.origin.startsWith('https:')
  }

  /** `__Host-`: the browser takes it over TLS from this very host only (RFC 6265bis section 4.1.3.2). */
  #prefix(request: PolicyRequest): string {
    return `${this.#isSecure(request) ? '__Host-' : ''}pando-${this.name}`
  }

  #sessionName(request: PolicyRequest): string {
    return this.#prefix(request)
  }

  #attemptName(request: PolicyRequest, state: string): string {
    return `${this.#prefix(request)}-${state.replace(/[^\w-]/g, '').slice(0, 12)}`
  }

  /** Of no age: taken back. */
  #cookie(request: PolicyRequest, name: string, value: string, ageMs: number): string {
    const secure = this.#isSecure(request) ? '; Secure' : ''
    return `${name}=${value}; Path=/; Max-Age=${Math.floor(ageMs / 1000)}; HttpOnly; SameSite=Lax${secure}`
  }

  #sealOrThrow(): CookieSeal {
    if (this.#seal === null) throw new Error(`there is no secret for cookies: ${this.#files[0].trouble ?? ''}`)
    return this.#seal
  }
}

/** What a program asks for leads to no login page, as it could do nothing with one. */
function isPage(request: PolicyRequest): boolean {
  return (
    request.method === 'GET' &&
    (request.header('sec-fetch-mode') ?? 'navigate') === 'navigate' &&
    (request.header('accept') ?? '').includes('text/html')
  )
}

/** Where they wanted to go, on this very origin: `//host` and `/\host` would lead elsewhere. */
function returnPath({ path, query }: PolicyRequest): string {
  const target = query === '' ? path : `${path}?${query}`
  return /^\/(?![/\\])[\u0021-\u007e]*$/.test(target) && target.length <= longestReturn ? target : '/'
}

function redirect(location: string, cookies: readonly string[]): OwnAnswer {
  return {
    kind: 'response',
    status: 303,
    headers: [
      ['Location', location],
      ['Cache-Control', 'no-store'],
      ...cookies.map((cookie) => ['Set-Cookie', cookie] as const),
    ],
  }
}

type Answered = Outcome & { readonly kind: 'answered' }

function answered(request: PolicyRequest, problem: LoginProblem): Answered {
  return { kind: 'answered', answer: loginProblem(request, problem) }
}
