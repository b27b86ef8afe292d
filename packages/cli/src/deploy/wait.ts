import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import type { Deployed } from '@pando/control-plane'
import type { ControlClient } from '@pando/control-plane/client'
import { PandoError, type AppStatus } from '@pando/model'
import type { Context, GlobalOptions } from '../context.js'
import type { Daemon } from '../daemon/daemon.js'
import type { ExitCode } from '../failure.js'
import { parseDuration } from '../render/duration.js'
import { failedAfterMs } from '../up/verdict.js'
import { EventSieve } from '../up/view.js'
import { outcomesOf, renderOutcome } from './outcome.js'

const pollMs = 200

export interface WaitOptions {
  /** Commander makes this `false` of `--no-wait`. */
  readonly wait: string | false
}

export function waitOptions(command: Command): Command {
  return command
    .option('--wait <time>', 'wait at most so long until it is healthy', '5m')
    .option('--no-wait', 'come back when it is wanted, not when it is reached')
}

/** The number of the newest event. */
export async function lastEventOf(control: ControlClient): Promise<number> {
  let last = 0
  const query = { after: null, limit: 1, service: null, follow: false }
  for await (const event of control.events(query, AbortSignal.timeout(10_000))) last = event.seq
  return last
}

/** Shows what becomes of deployments until each is decided, or waits for somebody's word. 1 when one of them has failed, was replaced, or took too long. */
export async function waitForDeployments(wish: {
  readonly context: Context
  readonly daemon: Daemon
  readonly deployed: readonly Deployed[]
  readonly after: number
  readonly options: WaitOptions & GlobalOptions
}): Promise<ExitCode> {
  const { context, daemon, deployed, options } = wish
  if (options.wait === false || deployed.length === 0) return 0
  const deadline = context.now() + parseDuration(options.wait, '--wait')
  const names = new Set(deployed.map(({ service }) => service))
  const sieve = new EventSieve({ paint: context.paint, services: [...names] })
  const pending = new Map(deployed.map((one) => [one.service, one]))
  const failingSince = new Map<string, number>()
  let after = wish.after
  let code: ExitCode = 0
  const fail = (service: string, why: string): void => {
    code = 1
    pending.delete(service)
    context.stderr.write(renderOutcome(service, { kind: 'failed', reason: why }, context) ?? '')
  }
  while (pending.size > 0) {
    try {
      const control = daemon.control()
      // Asked before the events are, so that what explains a result is shown before it.
      const status = await control.status()
      const outcomes = await outcomesOf(control, [...pending.values()], status)
      const query = { after, limit: 1_000, service: null, follow: false }
      for await (const event of control.events(query, AbortSignal.timeout(10_000))) {
        after = event.seq
        if (event.service === null || !names.has(event.service) || options.json === true) continue
        const line = sieve.render(event)
        if (line !== null) context.stdout.write(`${line}\n`)
      }
      for (const [service, outcome] of outcomes) {
        if (outcome.kind === 'failed') fail(service, outcome.reason)
        else if (outcome.kind === 'pending') noteFailing(service, status, failingSince, context.now(), fail)
        else pending.delete(service)
        if (outcome.kind === 'paused') context.stderr.write(renderOutcome(service, outcome, context) ?? '')
      }
    } catch (error) {
      // A control plane that died is started again by whoever watches it, and deployments go on.
      if (!(error instanceof PandoError) || error.code !== 'unavailable') throw error
    }
    if (pending.size === 0) break
    if (context.now() > deadline) {
      for (const service of pending.keys())
        fail(service, `not healthy within ${options.wait}; it goes on in the background`)
      break
    }
    await delay(pollMs)
  }
  return code
}

function noteFailing(
  service: string,
  status: AppStatus,
  since: Map<string, number>,
  now: number,
  fail: (service: string, why: string) => void,
): void {
  const seen = status.services.find(({ name }) => name === service)
  if (seen?.state !== 'failed') return void since.delete(service)
  const begin = since.get(service) ?? now
  since.set(service, begin)
  if (now - begin >= failedAfterMs) fail(service, seen.reason)
}
