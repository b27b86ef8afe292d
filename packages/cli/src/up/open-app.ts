import { setTimeout as delay } from 'node:timers/promises'
import { PandoError } from '@pando/model'
import type { ApplyRequest, ApplyResult } from '@pando/control-plane'
import type { ControlClient } from '@pando/control-plane/client'
import type { Daemon } from '../daemon/daemon.js'

const maxTries = 3
const pollMs = 100

export interface OpenedApp {
  /** Number of the last event before the manifest was applied. */
  readonly after: number
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
      const after = await lastEvent(daemon.control())
      const applied = await daemon.control().apply(request)
      return { after, note: wasRunning ? noteOf(applied) : '' }
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

async function lastEvent(control: ControlClient): Promise<number> {
  let last = 0
  const query = { after: null, limit: 1, service: null, follow: false }
  for await (const event of control.events(query, AbortSignal.timeout(10_000))) last = event.seq
  return last
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
