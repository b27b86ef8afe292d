import { mkdtempSync, rmSync } from 'node:fs'
import { request as send } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PandoError } from '@pando/model'
import { systemClock } from '../clock.js'
import { Events } from '../events/events.js'
import { Registry } from '../registry/registry.js'
import { MemoryStore } from '../store/memory-store.js'
import { createControlApi } from './control-api.js'
import { FakeControl } from './fake-control.suite.js'
import { serveControlApi } from './server.js'
import type { ControlApiServer } from './server.js'

export interface Fixture {
  readonly control: FakeControl
  readonly events: Events
  readonly registry: Registry
  readonly server: ControlApiServer
  readonly socketPath: string
  readonly token: string
  readonly faults: PandoError[]
  close(): Promise<void>
}

/** A served API over a fake control plane, on a socket and a port of its own. */
export async function serveFake(
  options: { readonly heartbeatMs?: number; readonly watchers?: number } = {},
): Promise<Fixture> {
  const folder = mkdtempSync(join(tmpdir(), 'pando-api-'))
  const store = new MemoryStore()
  const control = new FakeControl()
  const events = new Events({ store, clock: systemClock })
  const registry = new Registry({
    store,
    clock: systemClock,
    random: Math.random,
    emit: (event) => events.emit(event),
    ...(options.watchers === undefined ? {} : { limits: { watchers: options.watchers } }),
  })
  const faults: PandoError[] = []
  const app = createControlApi({
    control,
    jobs: undefined as never,
    keys: undefined as never,
    registry,
    events,
    version: '1.2.3',
    onFault: (error) => faults.push(error),
    ...(options.heartbeatMs === undefined ? {} : { heartbeatMs: options.heartbeatMs }),
  })
  const token = 'a-token-of-the-tests'
  const socketPath = join(folder, 'control.sock')
  const server = await serveControlApi({ app, socketPath, token })
  await server.listen({ host: '127.0.0.1', port: 0 })
  return {
    control,
    events,
    registry,
    server,
    socketPath,
    token,
    faults,
    async close() {
      await server.close()
      registry.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly json: Record<string, unknown>
}

/** One raw request, as `curl` would send it. */
export async function ask(options: RequestOptions, body?: string | Buffer): Promise<Answer> {
  const response = await begin(options, body)
  let text = ''
  for await (const chunk of response as AsyncIterable<Buffer>) text += String(chunk)
  const isJson = (response.headers['content-type'] ?? '').endsWith('json') && text !== ''
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text,
    json: isJson ? (JSON.parse(text) as Record<string, unknown>) : {},
  }
}

export function begin(options: RequestOptions, body?: string | Buffer): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = send({ agent: false, ...options }, resolve)
    request.on('error', reject)
    request.end(body)
  })
}

/** Resolves when `condition` holds; the test's own timeout is the limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}
