import { setTimeout as delay } from 'node:timers/promises'
import { PandoError, type Deployment } from '@pando/model'
import type { ApplyRequest, ApplyResult, Deployed } from '@pando/control-plane'
import type { Daemon } from '../daemon/daemon.js'
import { lastEventOf } from '../deploy/wait.js'

const maxTries = 3
const pollMs = 100

export interface OpenedApp {
  /** Number of the last event before the manifest was applied. */
  readonly after: number
  /** What the manifest put in the place of older deployments: what may be gone back from. */
  readonly deployed: readonly Pick<Deployed, 'service' | 'revision'>[]
  /** One sentence when it ran already; otherwise empty. */
  readonly note: string
}

/** Reaches the control plane, starting it where there is none, and makes the manifest its desired state. */
export async function openApp(daemon: Daemon, request: ApplyRequest, deadline: number): Promise<OpenedApp> {
  const wasRunning = await daemon.answers()
  if (!wasRunning) await daemon.start()
  let isFresh = !wasRunning && (await isEmpty(daemon))
  for (let tries = 1; ; tries++) {
    try {
      const control = daemon.control()
      const after = await lastEventOf(control)
      const before = await control.deployments(null)
      const applied = await control.apply(request)
      const deployed = replacedSince(before, await control.deployments(null))
      return { after, deployed, note: wasRunning ? noteOf(applied) : '' }
    } catch (error) {
      const isLate = Date.now() > deadline || tries >= maxTries
      if (isLate || !(await isEnding(daemon, error))) {
        // One that we started for this manifest has nothing to do without it, unless it took over an app that runs: that serves on.
        if (isFresh)
          await daemon
            .control()
            .down()
            .catch(() => {})
        throw error
      }
      await untilGone(daemon, deadline)
      await daemon.start()
      isFresh = await isEmpty(daemon)
    }
  }
}

/** It has no app. Where that cannot be told, it may have one. */
async function isEmpty(daemon: Daemon): Promise<boolean> {
  try {
    return (await daemon.control().status()).manifest === ''
  } catch {
    return false
  }
}

/** One that is just stopping takes no manifest, or is gone before it could; a new one will. */
async function isEnding(daemon: Daemon, error: unknown): Promise<boolean> {
  if (!(error instanceof PandoError)) return false
  if (error.code === 'unavailable') return true
  if (error.code !== 'conflict') return false
  try {
    return (await daemon.control().status()).state === 'stopping'
  } catch {
    return !(await daemon.answers())
  }
}

async function untilGone(daemon: Daemon, deadline: number): Promise<void> {
  while (Date.now() < deadline && (await daemon.answers())) await delay(pollMs)
}

/** Both newest first. The first deployment of a service replaces nothing. */
function replacedSince(before: readonly Deployment[], now: readonly Deployment[]): readonly Deployment[] {
  const last = before[0]?.number ?? 0
  const known = new Set(before.map(({ service }) => service))
  return now.filter(({ number, service, by }) => number > last && by === 'up' && known.has(service))
}

function noteOf({ added, changed, removed }: ApplyResult): string {
  const parts = [
    ['added', added],
    ['changed', changed],
    ['removed', removed],
  ] as const
  const said = parts.filter(([, names]) => names.length > 0).map(([word, names]) => `${word} ${names.join(', ')}`)
  if (said.length > 0) return `It runs already; ${said.join('; ')}.`
  // What of the routes and the gateway has changed is not told by what was applied.
  return 'It runs already; no service changes. Routes and the gateway are as the manifest says now.'
}
