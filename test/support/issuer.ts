import { EventEmitter, once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'

type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>

/** An issuer of tokens, made by another implementation than ours: its keys can be turned over, and it counts who asks for them. */
export class Issuer {
  /** How often the keys were asked for. */
  asked = 0
  /** It takes connections and answers nobody. */
  isAway = false
  #held: Promise<void> = Promise.resolve()
  readonly #keys = new Map<string, KeyPair>()
  readonly #server: Server

  private constructor() {
    this.#server = createServer((request, response) => {
      if (this.isAway) {
        request.socket.destroy()
        return
      }
      response.setHeader('content-type', 'application/json')
      if (request.url === '/.well-known/openid-configuration') {
        response.end(JSON.stringify({ issuer: this.url, jwks_uri: `${this.url}/keys` }))
        return
      }
      this.asked++
      void this.#held.then(async () => response.end(JSON.stringify({ keys: await this.#publicKeys() })))
    })
  }

  static async start(): Promise<Issuer> {
    const issuer = new Issuer()
    await issuer.rotate('one')
    issuer.#server.listen(0, '127.0.0.1')
    await once(issuer.#server, 'listening')
    return issuer
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
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
      .setAudience('shop')
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

  #publicKeys(): Promise<object[]> {
    return Promise.all(
      [...this.#keys].map(async ([kid, { publicKey }]) => ({ ...(await exportJWK(publicKey)), kid, alg: 'ES256' })),
    )
  }
}
