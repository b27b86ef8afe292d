import type { IncomingMessage } from 'node:http'
import { PandoError } from '@pando/model'
import { EngineClient, EngineError } from '../drivers/container/engine-client.js'
import { systemClock } from '../clock.js'
import { isOnLoopback, parseImageName, type ImageName } from './image-name.js'
import { registryLogin } from './registry-login.js'

type Environment = Readonly<Record<string, string | undefined>>

const maxLineBytes = 1_048_576

export function imagePublisherFor(environment: Environment): ImagePublisher {
  return new ImagePublisher({ engine: new EngineClient({ environment, clock: systemClock }), environment })
}

/** Gives images names of the user's, and sends them to the registries that those are of. */
export class ImagePublisher {
  readonly #engine: EngineClient
  readonly #environment: Environment

  constructor(options: { readonly engine: EngineClient; readonly environment: Environment }) {
    this.#engine = options.engine
    this.#environment = options.environment
  }

  /** One that had the name loses it. Rejects with `usage` for what is no name. */
  async tag(image: string, name: string): Promise<void> {
    const { repository, tag } = parseImageName(name)
    await this.#engine.ask('POST', `/images/${encodeURIComponent(image)}/tag`, { query: { repo: repository, tag } })
  }

  /**
   * Resolves with the digest under which the registry has it. Rejects with `unauthorized` when the registry wants a login or another, and
   * `unavailable` when it does not answer or breaks off.
   */
  async push(name: string, onOutput: (line: string) => void, signal: AbortSignal): Promise<string> {
    const parsed = parseImageName(name)
    const { repository, tag } = parsed
    const headers = { 'x-registry-auth': await registryLogin(parsed.registry, this.#environment) }
    const options = { query: { tag, ...withoutTls(parsed) }, headers, signal, timeoutMs: 0 }
    try {
      const answer = await this.#engine.stream('POST', `/images/${encodeURIComponent(repository)}/push`, options)
      return await digestIn(answer, onOutput)
    } catch (error) {
      if (signal.aborted) throw new PandoError('build_failed', `${name}: sending was called off`, { cause: error })
      throw error instanceof EngineError ? refused(name, parsed, error) : error
    }
  }

  close(): void {
    this.#engine.close()
  }
}

/** Docker takes a registry on loopback without TLS by itself; Podman is to be told so. */
function withoutTls({ registry }: ImageName): Readonly<Record<string, string>> {
  return isOnLoopback(registry) ? { tlsVerify: 'false' } : {}
}

function refused(name: string, { registry }: ImageName, error: EngineError): PandoError {
  const { message } = error
  if (/unauthorized|denied|no basic auth|authentication required|401|403/i.test(message)) {
    return new PandoError('unauthorized', `${name} was not taken by ${registry}: ${message}`, {
      hint: `log in with: docker login ${registry === 'docker.io' ? '' : registry}`.trim(),
      cause: error,
    })
  }
  return new PandoError('unavailable', `${name} could not be sent to ${registry}: ${message}`, {
    hint: 'a registry without TLS is taken on loopback only, unless the engine is told otherwise (insecure-registries)',
    cause: error,
  })
}

/** How Podman tells it, and Docker too beside `aux`. */
const toldDigest = /: digest: (sha256:[0-9a-f]{64}) size: /

/** Lines of JSON: `status` by layer, at the end `aux` with the digest or a status that says it, or `errorDetail`. */
async function digestIn(answer: IncomingMessage, onOutput: (line: string) => void): Promise<string> {
  let rest = ''
  let digest = ''
  answer.setEncoding('utf8')
  const take = (line: string): void => {
    if (line.trim() === '') return
    type Message = {
      readonly status?: string
      readonly id?: string
      readonly progressDetail?: { readonly current?: number }
      readonly aux?: { readonly Digest?: string }
      readonly errorDetail?: { readonly message?: string }
    }
    const { status, id, progressDetail, aux, errorDetail } = JSON.parse(line) as Message
    if (errorDetail !== undefined) throw new EngineError(500, errorDetail.message ?? 'no reason given')
    digest = aux?.Digest ?? toldDigest.exec(status ?? '')?.[1] ?? digest
    // How far each layer is comes many times a second.
    if (status !== undefined && progressDetail?.current === undefined) {
      onOutput(id === undefined ? status : `${id}: ${status}`)
    }
  }
  for await (const text of answer as AsyncIterable<string>) {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > maxLineBytes) throw new RangeError('a line of a push without an end')
    for (const line of lines) take(line)
  }
  take(rest)
  if (digest === '') throw new EngineError(500, 'the engine does not say what it sent')
  return digest
}
