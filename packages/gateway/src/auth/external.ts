import { Agent as PlainAgent, type IncomingMessage, request as plainRequest } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import type { ExternalAuthenticatorSpec } from '@pando/model'
import type { PolicyRequest } from '../policy/route-policy.js'
import { CompiledEdit } from '../route-table/header-edit.js'
import { type Authenticator, type AuthenticatorContext, cannotSay, type Outcome } from './authenticator.js'
import { strippingEdit } from './identity-edit.js'
import { whyNotFetched } from './keys/bounded-fetch.js'

const mostBodyBytes = 64 * 1024
const mostConnections = 64
/** A denial's own headers that the client gets without being named. */
const usualAnswer = ['content-type', 'location', 'www-authenticate', 'retry-after', 'cache-control']

interface Decision {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/**
 * Asks somebody else over HTTP, as Envoy's `ext_authz` does: the request's method and path with some of its headers and no body. 2xx lets in,
 * and named headers of that answer go to the service; 5xx or no answer is a failure, which denies unless said otherwise; every other answer is
 * the client's. The original request is described in `X-Forwarded-*`, too, as authorisers of other gateways expect it.
 */
export class ExternalAuthenticator implements Authenticator {
  readonly name: string
  readonly challenge = null
  readonly #spec: ExternalAuthenticatorSpec
  readonly #context: AuthenticatorContext
  readonly #base: URL
  readonly #agent: PlainAgent
  readonly #send: typeof plainRequest
  /** Why the last request was not answered. */
  #warning: string | null = null

  constructor(spec: ExternalAuthenticatorSpec, context: AuthenticatorContext) {
    const wrong = whyNotFetched(spec.url, spec.isInsecure)
    if (wrong !== null) throw new Error(wrong)
    this.name = spec.name
    this.#spec = spec
    this.#context = context
    this.#base = new URL(spec.url)
    const isTls = this.#base.protocol === 'https:'
    const options = { keepAlive: true, maxSockets: mostConnections, maxFreeSockets: 8 }
    this.#agent = isTls ? new TlsAgent(options) : new PlainAgent(options)
    this.#send = isTls ? tlsRequest : plainRequest
  }

  async authenticate(request: PolicyRequest): Promise<Outcome> {
    let decision: Decision
    try {
      decision = await this.#ask(request)
      if (decision.status >= 500) throw new Error(`${this.#spec.url} answered ${decision.status}`)
    } catch (error) {
      const message = (error as Error).message
      if (this.#warning === null) this.#context.onTrouble(message)
      this.#warning = message
      if (!this.#spec.failsOpen) return cannotSay(this.name)
      return {
        kind: 'identified',
        identity: { kind: 'external', subject: '' },
        scopes: [],
        request: strippingEdit(this.#context.stripped),
      }
    }
    this.#warning = null
    return decision.status < 300 ? this.#allow(decision) : this.#deny(decision)
  }

  get warnings(): readonly string[] {
    return this.#warning === null ? [] : [this.#warning]
  }

  close(): void {
    this.#agent.destroy()
  }

  #allow({ headers }: Decision): Outcome {
    const { upstreamHeaders, clientHeaders, subjectHeader } = this.#spec
    const lines = linesOf(headers, upstreamHeaders)
    const told = linesOf(headers, clientHeaders)
    const subject = subjectHeader === null ? undefined : headers[subjectHeader]
    return {
      kind: 'identified',
      identity: { kind: 'external', subject: typeof subject === 'string' ? subject : '' },
      scopes: [],
      request: strippingEdit(this.#context.stripped, lines),
      ...(told.length === 0 ? {} : { response: new CompiledEdit([], told) }),
    }
  }

  #deny({ status, headers, body }: Decision): Outcome {
    const names = new Set([...usualAnswer, ...this.#spec.clientHeaders])
    const told = [...names].flatMap((name) => valuesOf(headers, name).map((value): [string, string] => [name, value]))
    return { kind: 'answered', answer: { kind: 'response', status, headers: told, body } }
  }

  #ask(request: PolicyRequest): Promise<Decision> {
    const { timeoutMs } = this.#spec
    const target = `${request.path}${request.query === '' ? '' : `?${request.query}`}`
    const headers: Record<string, string> = {
      'x-forwarded-for': request.clientAddress,
      'x-forwarded-host': request.header('host') ?? request.host,
      'x-forwarded-method': request.method,
      'x-forwarded-proto': request.listener.isSecure ? 'https' : 'http',
      'x-forwarded-uri': target,
      'content-length': '0',
    }
    for (const name of this.#spec.requestHeaders) {
      const value = request.header(name)
      if (value !== null) headers[name] = value
    }
    const base = this.#base.pathname.replace(/\/$/, '')
    return new Promise((resolve, reject) => {
      const asked = this.#send(this.#base, {
        agent: this.#agent,
        method: request.method,
        path: `${base}${target}`,
        headers,
        signal: AbortSignal.timeout(timeoutMs),
      })
      const fail = (reason: string): void => {
        reject(new Error(`${this.#spec.url}: ${reason}`))
        asked.destroy()
      }
      asked.on('error', (error) => fail(error.name === 'AbortError' ? `no answer in ${timeoutMs} ms` : error.message))
      asked.on('response', (response) => {
        const chunks: Buffer[] = []
        let length = 0
        response.on('data', (chunk: Buffer) => {
          length += chunk.length
          if (length > mostBodyBytes) fail(`the answer has more than ${mostBodyBytes} bytes`)
          else chunks.push(chunk)
        })
        response.on('error', (error: Error) => fail(error.message))
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 500, headers: response.headers, body: Buffer.concat(chunks) })
        })
      })
      asked.on('upgrade', () => fail('it answered with an upgrade'))
      asked.end()
    })
  }
}

function linesOf(headers: IncomingMessage['headers'], names: readonly string[]): Buffer {
  const lines = names.flatMap((name) => valuesOf(headers, name).map((value) => `${name}: ${value}\r\n`))
  return Buffer.from(lines.join(''), 'latin1')
}

/** Node's parser has seen to it that no value holds a line end. */
function valuesOf(headers: IncomingMessage['headers'], name: string): readonly string[] {
  const value = headers[name]
  return value === undefined ? [] : Array.isArray(value) ? value : [value]
}
