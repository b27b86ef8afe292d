import { setTimeout as delay } from 'node:timers/promises'
import type { ApplyRequest } from '@pando/control-plane'
import type { ControlClient } from '@pando/control-plane/client'
import type { PandoEvent } from '@pando/model'
import { lastEventOf } from '../deploy/wait.js'

const pollMs = 200
const shownLines = 15
/** Nothing is heard of a service that builds nothing, as of one that is stopped: its next change need not wait for ever. */
const silentMs = 30_000

export interface RebuildOptions {
  readonly service: string
  readonly request: ApplyRequest
  readonly control: () => ControlClient
  readonly note: (text: string) => void
  /** Unix time, ms. */
  readonly now: () => number
  readonly signal: AbortSignal
}

/**
 * Deploys one service as its folder is now. Resolves when the build has ended in one way or the other, so that the next change need
 * not wait for a rollout whose code is known to be old; false when nothing was new. `signal` stops what goes on behind that: until the
 * rollout is decided, the last lines of a new instance that ends are shown.
 */
export async function rebuild(options: RebuildOptions): Promise<boolean> {
  const { service, request, control } = options
  const after = await lastEventOf(control())
  const [deployed] = await control().deploy({ ...request, services: [service] })
  if (deployed?.isNew !== true) return false
  await new Promise<void>((built) => {
    void follow(options, deployed.revision, after, built).finally(built)
  })
  return true
}

async function follow(options: RebuildOptions, revision: string, begin: number, built: () => void): Promise<void> {
  const { service, control, now, signal } = options
  let after = begin
  let heardAt = now()
  let hasShown = false
  while (!signal.aborted) {
    try {
      const client = control()
      const query = { after, limit: 1_000, service, follow: false }
      for await (const event of client.events(query, AbortSignal.any([signal, AbortSignal.timeout(10_000)]))) {
        after = event.seq
        heardAt = now()
        if (endsBuild(event)) built()
        if (event.kind !== 'instance.failed' || hasShown || event.instance === null) continue
        hasShown = await showLines(options, client, event.instance)
      }
      const [current] = await client.deployments(service)
      if (current?.revision !== revision || current.result !== 'running') return
    } catch {
      // Its absence is noticed by the terminal's own loop, which starts it again.
    }
    if (now() - heardAt > silentMs) built()
    await delay(pollMs, undefined, { signal }).catch(() => {})
  }
}

/** What was built before is not built again: then an instance is the first that is heard of. */
function endsBuild({ kind }: PandoEvent): boolean {
  return kind === 'build.succeeded' || kind === 'build.failed' || kind === 'instance.started'
}

async function showLines({ service, note }: RebuildOptions, client: ControlClient, instance: string): Promise<boolean> {
  const lines: string[] = []
  const query = { services: [service], since: null, tail: 200, follow: false }
  for await (const line of client.logs(query, AbortSignal.timeout(5_000))) {
    if (line.instance === instance) lines.push(line.line)
  }
  for (const line of lines.slice(-shownLines)) note(`${service} | ${line}`)
  return lines.length > 0
}
