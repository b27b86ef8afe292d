import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface FakeImage {
  readonly id: string
  readonly tags: Set<string>
  readonly bytes: number
  readonly labels: Readonly<Record<string, string>>
}

/**
 * What of the Docker Engine API has to do with images, over TCP on loopback. An image's id is the digest of what it was built from and
 * of its labels.
 */
export class FakeEngine {
  readonly images: FakeImage[] = []
  /** What was sent to be built, in order. */
  readonly builds: string[] = []
  /** Ids of images that a container uses. */
  readonly used = new Set<string>()
  /** The next build ends with this error. */
  failure: string | null = null
  /** As `DOCKER_HOST` says it. */
  host = ''
  readonly #server: Server

  static async start(): Promise<FakeEngine> {
    const engine = new FakeEngine()
    await new Promise<void>((resolve) => engine.#server.listen(0, '127.0.0.1', resolve))
    engine.host = `tcp://127.0.0.1:${(engine.#server.address() as AddressInfo).port}`
    return engine
  }

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response))
  }

  get tags(): string[] {
    return this.images.flatMap(({ tags }) => [...tags])
  }

  find(name: string): FakeImage | undefined {
    return this.images.find(({ id, tags }) => id === name || tags.has(name))
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://engine')
    const query = Object.fromEntries(url.searchParams)
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    response.setHeader('api-version', '1.47')
    const say = (status: number, answer: unknown): void => void response.writeHead(status).end(JSON.stringify(answer))
    const path = url.pathname.replace(/^\/v\d\.\d+/, '')
    const [, name = ''] = /^\/images\/(.+?)(?:\/json|\/tag)?$/.exec(path) ?? []
    const image = this.find(decodeURIComponent(name))
    if (path === '/_ping') return say(200, 'OK')
    if (path === '/build') return this.#build(response, query, Buffer.concat(chunks))
    if (path === '/images/json') return say(200, this.images.filter((each) => isListed(each, query)).map(summaryOf))
    if (image === undefined) return say(404, { message: `No such image: ${decodeURIComponent(name)}` })
    if (request.method === 'DELETE') return this.#remove(decodeURIComponent(name), image, say)
    if (path.endsWith('/tag')) {
      for (const { tags } of this.images) tags.delete(`${query['repo']}:${query['tag']}`)
      image.tags.add(`${query['repo']}:${query['tag']}`)
      return say(201, null)
    }
    say(200, { Id: image.id, Size: image.bytes })
  }

  #build(response: ServerResponse, query: Readonly<Record<string, string>>, body: Buffer): void {
    if (this.failure !== null) {
      response.end(`${JSON.stringify({ errorDetail: { message: this.failure } })}\n`)
      this.failure = null
      return
    }
    const labels = JSON.parse(query['labels'] ?? '{}') as Record<string, string>
    const text = body.toString('latin1')
    this.builds.push(text)
    const id = `sha256:${createHash('sha256').update(text).update(JSON.stringify(labels)).digest('hex')}`
    for (const { tags } of this.images) tags.delete(query['t'] ?? '')
    const there = this.find(id)
    if (there === undefined) this.images.push({ id, tags: new Set([query['t'] ?? '']), bytes: body.length, labels })
    else there.tags.add(query['t'] ?? '')
    response.end('{"stream":"Step 1/1 : FROM base\\n"}\n{"stream":"Successfully built\\n"}\n')
  }

  #remove(name: string, image: FakeImage, say: (status: number, answer: unknown) => void): void {
    const isLast = image.tags.size <= 1
    if (isLast && this.used.has(image.id)) return say(409, { message: 'image is being used by running container' })
    image.tags.delete(name)
    if (isLast) this.images.splice(this.images.indexOf(image), 1)
    say(200, [{ Untagged: name }])
  }
}

function isListed({ tags }: FakeImage, query: Readonly<Record<string, string>>): boolean {
  const { reference = ['*'] } = JSON.parse(query['filters'] ?? '{}') as { reference?: string[] }
  const [pattern = '*'] = reference
  return [...tags].some((tag) => tag.startsWith(pattern.replace(/\*$/, '')))
}

function summaryOf({ id, tags, bytes, labels }: FakeImage): object {
  return { Id: id, RepoTags: [...tags], Size: bytes, SharedSize: 0, Labels: labels, Created: 0 }
}
