import type { PandoError } from '@pando/model'
import type { Paint } from './paint.js'

/** 0 done, 1 failed, 2 the command line or the manifest is wrong; of `pando run` the program's own. */
export type ExitCode = number

export function exitCodeOf(error: PandoError): ExitCode {
  return error.code === 'usage' || error.code === 'manifest_invalid' ? 2 : 1
}

export interface FailureView {
  readonly paint: Paint
  /** `PANDO_DEBUG=1`: the stack and the causes as well. */
  readonly isDebug: boolean
  /** The mistakes with their lines, ready to be shown; empty when there are none. */
  readonly diagnostics: string
}

/** What, where and what next; a stack only when asked for. Ends with a line break. */
export function renderFailure(error: PandoError, { paint, isDebug, diagnostics }: FailureView): string {
  const lines = [`${paint.red(paint.bold('error:'))} ${error.message}`]
  if (diagnostics !== '') lines.push('', diagnostics, '')
  if (error.hint !== undefined) lines.push(`${paint.cyan('next:')} ${error.hint}`)
  if (isDebug) lines.push(paint.dim(stacksOf(error)))
  else if (error.code === 'internal' && error.hint === undefined) {
    lines.push(`${paint.cyan('next:')} this is a fault of Pando's own; PANDO_DEBUG=1 shows where it arose`)
  }
  return `${lines.join('\n')}\n`
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
