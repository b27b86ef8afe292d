import { existsSync } from 'node:fs'
import { PandoError, type AppStatus } from '@pando/model'
import type { Daemon } from '../daemon/daemon.js'
import { daemonLogOf } from '../daemon/log-tail.js'
import { ok, type Finding } from './finding.js'

export interface ControlPlaneFinding {
  readonly finding: Finding
  /** Null when it does not run, or has no app yet. */
  readonly status: AppStatus | null
}

export async function findControlPlane(daemon: Daemon): Promise<ControlPlaneFinding> {
  const check = 'control plane'
  try {
    const status = await daemon.control().status()
    return { finding: ok(check, `runs ${status.name}, pid ${status.pid}`), status }
  } catch (error) {
    const problem = PandoError.from(error)
    if (problem.code !== 'unavailable') {
      const next = `look at ${daemonLogOf(daemon.stateDir)}`
      return { finding: { check, state: 'warn', detail: problem.message, next }, status: null }
    }
    if (existsSync(daemon.socketPath)) {
      const next = 'pando up takes over what still runs; pando down stops it'
      return {
        finding: { check, state: 'warn', detail: 'it has died: its socket is there, nobody answers', next },
        status: null,
      }
    }
    return { finding: { check, state: 'info', detail: 'not running', next: 'pando up' }, status: null }
  }
}
