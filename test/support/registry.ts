import { createHash, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * A registry of images on loopback, as much of it as a push and a pull need. With a login it wants that for everything.
 * Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
 */
export class Registry {
  /** By `repository:tag` and `repository@digest`. */
  readonly manifests = new Map<string, { readonly type: string; readonly text: string }>()
  readonly blobs = new Map<string, Buffer>()
  host = ''
  readonly #login: string | null
  readonly #uploads = new Map<string, Buffer[]>()
  readonly #server: Server

  static async start(login: { readonly user: string; readonly password: string } | null = null): Promise<Registry> {
    const registry = new Registry(login === null ? null : `${login.user}:${login.password}`)
    await new Promise<void>((resolve) => registry.#server.listen(0, '127.0.0.1', resolve))
    registry.host = `127.0.0.1:${(registry.#server.address() as AddressInfo).port}`
    return registry
  }

  private constructor(login: string | null) {
    this.#login = login
    this.#server = createServer((request, response) => void this.#answer(request, response))
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://registry')
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    const given = Buffer.from((request.headers.authorization ?? '').replace(/^Basic /, ''), 'base64').toString()
    if (this.#login !== null && given !== this.#login) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' })
      return void response.end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}')
    }
    const [, repository = '', kind = '', name = ''] = /^\/v2\/(.+)\/(blobs|manifests)\/(.*)$/.exec(pathname) ?? []
    if (pathname === '/v2/') return void response.writeHead(200).end('{}')
    if (name.startsWith('uploads/')) {
      return this.#upload(
        request.method ?? '',
        { pathname, repository, digest: searchParams.get('digest') },
        body,
        response,
      )
    }
    if (request.method === 'PUT' && kind === 'manifests') {
      const digest = digestOf(body)
      const manifest = { type: request.headers['content-type'] ?? '', text: body.toString() }
      for (const key of [`${repository}:${name}`, `${repository}@${digest}`]) this.manifests.set(key, manifest)
      return void response.writeHead(201, { 'docker-content-digest': digest }).end()
    }
    this.#give(request.method ?? '', kind, `${repository}${name.includes(':') ? '@' : ':'}${name}`, response)
  }

  #upload(
    method: string,
    { pathname, repository, digest }: { pathname: string; repository: string; digest: string | null },
    body: Buffer,
    response: ServerResponse,
  ): void {
    if (method === 'POST') {
      const id = randomUUID()
      this.#uploads.set(id, [])
      return void response.writeHead(202, { location: `/v2/${repository}/blobs/uploads/${id}`, range: '0-0' }).end()
    }
    const parts = this.#uploads.get(pathname.split('/').at(-1) ?? '') ?? []
    parts.push(body)
    const whole = Buffer.concat(parts)
    if (method === 'PATCH') {
      return void response.writeHead(202, { location: pathname, range: `0-${Math.max(0, whole.length - 1)}` }).end()
    }
    if (digest !== digestOf(whole)) return void response.writeHead(400).end('{"errors":[{"code":"DIGEST_INVALID"}]}')
    this.blobs.set(digest, whole)
    response.writeHead(201, { location: `/v2/${repository}/blobs/${digest}`, 'docker-content-digest': digest }).end()
  }

  #give(method: string, kind: string, key: string, response: ServerResponse): void {
    const manifest = kind === 'manifests' ? this.manifests.get(key) : undefined
    const bytes = kind === 'blobs' ? this.blobs.get(key.split('@')[1] ?? '') : manifest && Buffer.from(manifest.text)
    if (bytes === undefined) return void response.writeHead(404).end('{"errors":[{"code":"NAME_UNKNOWN"}]}')
    response.writeHead(200, {
      'content-type': manifest?.type ?? 'application/octet-stream',
      'content-length': bytes.length,
      'docker-content-digest': digestOf(bytes),
    })
    response.end(method === 'HEAD' ? undefined : bytes)
  }
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
