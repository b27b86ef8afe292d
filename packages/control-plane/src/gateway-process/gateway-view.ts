import type { Address, GatewayReport, GatewayStatus, Withheld } from '@pando/model'
import { type WithheldEvent, withheldEvents } from './withheld-events.js'
import { describeWorkerEnd, workerEndEvents } from './worker-end-events.js'

/** Reports come every two seconds; a gateway that has been silent for this long is down as far as we know. */
const silentAfterMs = 10_000
/** For so long the end of a worker is part of the status. */
const endShownMs = 600_000

/** What the control plane knows of its gateway: its last report. */
export class GatewayView {
  private report: GatewayReport | null = null
  private reportedAt = 0

  /** Takes in a report and says what is new in it. */
  note(
    report: GatewayReport,
    now: number,
  ): {
    readonly isNowReady: boolean
    readonly newErrors: readonly string[]
    readonly newWarnings: readonly string[]
    readonly withheld: readonly WithheldEvent[]
    readonly workerEnds: readonly string[]
  } {
    const before = this.report
    const isFirst = before === null || before.pid !== report.pid
    const known = isFirst ? {} : before.listenerErrors
    const knownWarnings = new Set(isFirst ? [] : warningsOf(before))
    this.report = report
    this.reportedAt = now
    const newErrors = Object.entries(report.listenerErrors)
      .filter(([name, error]) => known[name] !== error)
      .map(([name, error]) => `${name}: ${error}`)
    const newWarnings = warningsOf(report).filter((warning) => !knownWarnings.has(warning))
    return {
      isNowReady: report.applied >= 0 && (isFirst || before.applied < 0),
      newErrors,
      newWarnings,
      withheld: withheldEvents(before, report),
      workerEnds: workerEndEvents(before, report),
    }
  }

  /** What the gateway keeps from a service at present; null: nothing. */
  withheld(service: string, pid: number | null, now: number): Withheld | null {
    const report = this.present(pid, now)
    if (report === null) return null
    const ejected = Object.entries(report.ejected ?? {}).flatMap(([instance, one]) =>
      one.service === service ? [{ instance, error: one.error }] : [],
    )
    const openCircuits = report.openCircuits?.[service] ?? 0
    return ejected.length === 0 && openCircuits === 0 ? null : { ejected, openCircuits, workers: report.workers }
  }

  /** What an earlier gateway has reported says nothing of the one that took its place, nor of none. */
  private present(pid: number | null, now: number): GatewayReport | null {
    return this.report?.pid === pid && now - this.reportedAt < silentAfterMs ? this.report : null
  }

  status(options: {
    readonly address: Address
    readonly tls?: Address
    readonly pid: number | null
    readonly now: number
  }): GatewayStatus {
    const { address, tls, pid, now } = options
    const report = this.present(pid, now)
    const { down, ended } = report === null ? { down: [], ended: [] } : endOf(report, now)
    const errors =
      report === null
        ? []
        : [...Object.entries(report.listenerErrors).map(([name, error]) => `${name}: ${error}`), ...down]
    const warnings = report === null ? [] : [...warningsOf(report), ...ended]
    const isReady = report !== null && report.applied > 0
    return {
      state: isReady ? 'ready' : pid === null ? 'down' : 'starting',
      address,
      ...(tls === undefined ? {} : { tls }),
      pid,
      workers: report?.workers ?? 0,
      errors,
      ...(warnings.length === 0 ? {} : { warnings }),
    }
  }
}

function warningsOf(report: GatewayReport): string[] {
  const ofAuthenticators = Object.entries(report.authenticatorWarnings ?? {}).flatMap(([name, warnings]) =>
    warnings.map((warning) => `authenticator ${name}: ${warning}`),
  )
  return [
    ...Object.values(report.listenerWarnings ?? {}).flat(),
    ...ofAuthenticators,
    ...Object.values(report.storeWarnings ?? {}).flat(),
  ]
}

/** The last end of a worker: while none serves what is wrong, for a while afterwards what was. */
function endOf({ workers, workerEnds }: GatewayReport, now: number): { down: string[]; ended: string[] } {
  const last = workerEnds?.recent.at(-1)
  if (last === undefined) return { down: [], ended: [] }
  const text = describeWorkerEnd(last)
  if (workers === 0) return { down: [`no worker serves: ${text}`], ended: [] }
  return { down: [], ended: now - last.at < endShownMs ? [text] : [] }
}
