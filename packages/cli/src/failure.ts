import { PandoError, type Diagnostic } from '@pando/model'
import type { Paint } from './paint.js'

/** 0 done, 1 failed, 2 the command line or the manifest is wrong. */
export type ExitCode = 0 | 1 | 2

export function exitCodeOf(error: PandoError): ExitCode {
  return error.code === 'usage' || error.code === 'manifest_invalid' ? 2 : 1
}

export interface FailureView {
  readonly paint: Paint
  /** `PANDO_DEBUG=1`: the stack and the causes as well. */
  readonly isDebug: boolean
}

/** What, where and what next; a stack only when asked for. Ends with a line break. */
export function renderFailure(error: PandoError, { paint, isDebug }: FailureView): string {
  const lines = [`${paint.red(paint.bold('error:'))} ${error.message}`]
  for (const diagnostic of error.diagnostics) lines.push(`  ${renderDiagnostic(diagnostic, paint)}`)
  if (error.hint !== undefined) lines.push(`${paint.cyan('next:')} ${error.hint}`)
  if (isDebug) lines.push(paint.dim(stacksOf(error)))
  else if (error.code === 'internal') {
    lines.push(`${paint.cyan('next:')} this is a fault of Pando's own; PANDO_DEBUG=1 shows where it arose`)
  }
  return `${lines.join('\n')}\n`
}

function renderDiagnostic(diagnostic: Diagnostic, paint: Paint): string {
  const place = paint.bold(`${diagnostic.file}:${diagnostic.line}:${diagnostic.column}`)
  const path = diagnostic.path === '' ? '' : ` ${diagnostic.path}:`
  const hint = diagnostic.hint === undefined ? '' : paint.dim(` (${diagnostic.hint})`)
  return `${place}${path} ${diagnostic.message}${hint}`
}

function stacksOf(error: unknown): string {
  const stacks: string[] = []
  for (
    let at: unknown = error;
    at !== undefined && stacks.length < 5;
    at = at instanceof Error ? at.cause : undefined
  ) {
    stacks.push(at instanceof Error ? (at.stack ?? at.message) : String(at))
  }
  return stacks.join('\ncaused by: ')
}
