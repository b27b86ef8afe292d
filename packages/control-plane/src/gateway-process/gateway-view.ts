import type { Address, GatewayReport, GatewayStatus, Withheld } from '@pando/model'
import { type WithheldEvent, withheldEvents } from './withheld-events.js'

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
    readonly withheld: readonly WithheldEvent[]
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
    return { isFirst, newErrors, newWarnings, withheld: withheldEvents(before, report) }
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
  const ofAuthenticators = Object.entries(report.authenticatorWarnings ?? {}).flatMap(([name, warnings]) =>
    warnings.map((warning) => `authenticator ${name}: ${warning}`),
  )
  return [
    ...Object.values(report.listenerWarnings ?? {}).flat(),
    ...ofAuthenticators,
    ...Object.values(report.storeWarnings ?? {}).flat(),
  ]
}
