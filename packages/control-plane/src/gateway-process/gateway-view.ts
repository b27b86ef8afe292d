import type { Address, GatewayReport, GatewayStatus } from '@pando/model'
import { type EjectionEvent, ejectionEvents } from './ejection-events.js'

/** Reports come every two seconds; a gateway that has been silent for this long is down as far as we know. */
const silentAfterMs = 10_000

/** What the control plane knows of its gateway: its last report. */
export class GatewayView {
  private report: GatewayReport | null = null
  private reportedAt = 0

  /** Takes in a report and says what is new in it. */
  note(
    report: GatewayReport,
    now: number,
  ): {
    readonly isFirst: boolean
    readonly newErrors: readonly string[]
    readonly newWarnings: readonly string[]
    readonly ejections: readonly EjectionEvent[]
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
    return { isFirst, newErrors, newWarnings, ejections: ejectionEvents(before, report) }
  }

  status(options: {
    readonly address: Address
    readonly tls?: Address
    readonly pid: number | null
    readonly now: number
  }): GatewayStatus {
    const { address, tls, pid, now } = options
    // What an earlier gateway has reported says nothing of the one that took its place, nor of none.
    const isOfThisOne = this.report?.pid === pid && now - this.reportedAt < silentAfterMs
    const report = isOfThisOne ? this.report : null
    const errors =
      report === null ? [] : Object.entries(report.listenerErrors).map(([name, error]) => `${name}: ${error}`)
    const warnings = report === null ? [] : warningsOf(report)
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
  return Object.values(report.listenerWarnings ?? {}).flat()
}
