/**
 * Every failure that Pando reports has one of these codes. A user's mistake and our fault are different things:
 * a mistake carries what, where and what next and is shown without a stack; a fault keeps its cause and is logged.
 */
export const errorCodes = {
  usage: { whose: 'user', status: 400 },
  manifest_invalid: { whose: 'user', status: 422 },
  not_found: { whose: 'user', status: 404 },
  conflict: { whose: 'user', status: 409 },
  unauthorized: { whose: 'user', status: 401 },
  forbidden: { whose: 'user', status: 403 },
  too_large: { whose: 'user', status: 413 },
  limit_reached: { whose: 'user', status: 429 },
  build_failed: { whose: 'user', status: 422 },
  port_taken: { whose: 'user', status: 409 },
  tool_missing: { whose: 'user', status: 424 },
  unsupported: { whose: 'user', status: 501 },
  unavailable: { whose: 'ours', status: 503 },
  timeout: { whose: 'ours', status: 504 },
  internal: { whose: 'ours', status: 500 },
} as const satisfies Record<string, { whose: 'user' | 'ours'; status: number }>

export type ErrorCode = keyof typeof errorCodes

/** One mistake in a file, with its place. Lines and columns count from 1. */
export interface Diagnostic {
  readonly file: string
  readonly line: number
  readonly column: number
  /** Path of the field, for example `services.users.replicas`. */
  readonly path: string
  readonly message: string
  /** What to do about it, for example `did you mean "replicas"?`. */
  readonly hint?: string
}

export interface PandoErrorOptions {
  /** What the user can do next, as a sentence or a command. */
  readonly hint?: string
  readonly diagnostics?: readonly Diagnostic[]
  readonly cause?: unknown
}

/** The one error class. Foreign errors are mapped to it once, at the edge where they enter. */
export class PandoError extends Error {
  override readonly name = 'PandoError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly diagnostics: readonly Diagnostic[]

  constructor(code: ErrorCode, message: string, options: PandoErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
    this.diagnostics = options.diagnostics ?? []
  }

  /** True when the user can mend it: shown as a sentence, never with a stack. */
  get isUserMistake(): boolean {
    return errorCodes[this.code].whose === 'user'
  }

  /** As the control API sends it: RFC 9457 problem details. */
  toProblem(): Problem {
    return {
      type: `urn:pando:error:${this.code}`,
      title: this.message,
      status: errorCodes[this.code].status,
      code: this.code,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.diagnostics.length === 0 ? {} : { diagnostics: this.diagnostics }),
    }
  }

  static fromProblem(problem: Problem): PandoError {
    const code = problem.code in errorCodes ? problem.code : 'internal'
    return new PandoError(code, problem.title, {
      ...(problem.hint === undefined ? {} : { hint: problem.hint }),
      ...(problem.diagnostics === undefined ? {} : { diagnostics: problem.diagnostics }),
    })
  }

  /** Wraps anything thrown; what already is a PandoError passes unchanged. */
  static from(thrown: unknown, code: ErrorCode = 'internal'): PandoError {
    if (thrown instanceof PandoError) return thrown
    return new PandoError(code, thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown })
  }
}

/** RFC 9457 problem details, as the control API and the gateway send them (`application/problem+json`). */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: ErrorCode
  readonly hint?: string
  readonly diagnostics?: readonly Diagnostic[]
}
