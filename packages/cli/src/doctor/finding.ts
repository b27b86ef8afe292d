import type { Paint } from '../paint.js'
import { renderTable } from '../render/table.js'

/** What one check found. `info` is neither good nor bad; only `fail` keeps `pando up` from working. */
export interface Finding {
  readonly check: string
  readonly state: 'ok' | 'info' | 'warn' | 'fail'
  readonly detail: string
  /** What to do next; empty when there is nothing to do. */
  readonly next: string
}

export function ok(check: string, detail: string): Finding {
  return { check, state: 'ok', detail, next: '' }
}

export function renderFindings(findings: readonly Finding[], paint: Paint): string {
  const marks = { ok: paint.green('ok'), info: paint.dim('info'), warn: paint.yellow('warn'), fail: paint.red('FAIL') }
  const rows = findings.flatMap(({ check, state, detail, next }) => [
    [marks[state], check, detail],
    ...(next === '' ? [] : [['', '', `${paint.cyan('next:')} ${next}`]]),
  ])
  return renderTable(['', 'CHECK', 'FOUND'], rows, { paint })
}
