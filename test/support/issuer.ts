import { createHash, randomUUID } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { CertificateFiles } from '@pando/model'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'

type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>

/** An issuer of tokens, made by another implementation than ours: its keys can be turned over, and it counts who asks for them. */
export class Issuer {
  /** How often the keys were asked for. */
  asked = 0
  /** It takes connections and answers nobody. */
  isAway = false
  #held: Promise<void> = Promise.resolve()
  /** What the ID token says instead of what it should. */
  idToken: JWTPayload = {}
  readonly #codes = new Map<string, URLSearchParams>()
  readonly #keys = new Map<string, KeyPair>()
  readonly #server: Server
  readonly #isSecure: boolean

  private constructor(files: CertificateFiles | null) {
    this.#isSecure = files !== null
    const answer: RequestListener = (request, response) => {
      if (this.isAway) {
        request.socket.destroy()
        return
      }
      response.setHeader('content-type', 'application/json')
      if (request.url === '/.well-known/openid-configuration') {
        response.end(
          JSON.stringify({
            issuer: this.url,
            jwks_uri: `${this.url}/keys`,
            authorization_endpoint: `${this.url}/authorize`,
            token_endpoint: `${this.url}/token`,
          }),
        )
        return
      }
      if (request.url?.startsWith('/authorize?') === true) {
        this.#authorize(new URL(request.url, this.url).searchParams, response)
        return
      }
      if (request.url === '/token') {
        void this.#redeem(request, response)
        return
      }
      this.asked++
      void this.#held.then(async () => response.end(JSON.stringify({ keys: await this.#publicKeys() })))
    }
    this.#server =
      files === null
        ? createServer(answer)
        : createTlsServer({ cert: readFileSync(files.cert), key: readFileSync(files.key) }, answer)
  }

  /** `files`: it speaks TLS as localhost. */
  static async start(files: CertificateFiles | null = null): Promise<Issuer> {
    const issuer = new Issuer(files)
    await issuer.rotate('one')
    issuer.#server.listen(0, '127.0.0.1')
    await once(issuer.#server, 'listening')
    return issuer
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo
    return this.#isSecure ? `https://localhost:${port}` : `http://127.0.0.1:${port}`
  }

  /** From now on it has keys of these names; those that it has already stay as they are. */
  async rotate(...kids: string[]): Promise<void> {
    const before = new Map(this.#keys)
    this.#keys.clear()
    for (const kid of kids) {
      this.#keys.set(kid, before.get(kid) ?? (await generateKeyPair('ES256', { extractable: true })))
    }
  }

  async token(kid: string, claims: JWTPayload = {}): Promise<string> {
    const pair = this.#keys.get(kid)
    if (pair === undefined) throw new Error('no such key')
    return new SignJWT({ sub: 'alice', scope: 'read', ...claims })
      .setProtectedHeader({ alg: 'ES256', kid })
      .setIssuer(this.url)
      .setAudience(claims.aud ?? 'shop')
      .setExpirationTime('5m')
      .sign(pair.privateKey)
  }

  /** Keeps who asks for keys waiting until what it returns is called. */
  hold(): () => void {
    const gate = new EventEmitter()
    this.#held = once(gate, 'open').then(() => undefined)
    return () => void gate.emit('open')
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** Everybody is let in at once, as alice. */
  #authorize(query: URLSearchParams, response: ServerResponse): void {
    const code = randomUUID()
    this.#codes.set(code, query)
    const back = new URL(query.get('redirect_uri') ?? '')
    back.searchParams.set('code', code)
    back.searchParams.set('state', query.get('state') ?? '')
    back.searchParams.set('iss', this.url)
    response.writeHead(302, { location: back.href }).end()
  }

  /** RFC 6749 section 4.1.3 with RFC 7636 section 4.6: a code is good once, for who asked for it. */
  async #redeem(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = new URLSearchParams(Buffer.concat(await request.toArray()).toString())
    const code = form.get('code') ?? ''
    const asked = this.#codes.get(code)
    this.#codes.delete(code)
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    const isRight =
      form.get('grant_type') === 'authorization_code' &&
      asked?.get('code_challenge_method') === 'S256' &&
      asked.get('code_challenge') === challenge &&
      asked.get('redirect_uri') === form.get('redirect_uri') &&
      request.headers.authorization === `Basic ${Buffer.from('shop:client-secret').toString('base64')}`
    if (!isRight) {
      response.writeHead(400).end(JSON.stringify({ error: 'invalid_grant' }))
      return
    }
    const [kid = ''] = this.#keys.keys()
    const claims = { nonce: asked.get('nonce') ?? '', email: 'alice@shop.test', ...this.idToken }
    response.end(JSON.stringify({ access_token: 'a', token_type: 'Bearer', id_token: await this.token(kid, claims) }))
  }

  #publicKeys(): Promise<object[]> {
    return Promise.all(
      [...this.#keys].map(async ([kid, { publicKey }]) => ({ ...(await exportJWK(publicKey)), kid, alg: 'ES256' })),
    )
  }
}
