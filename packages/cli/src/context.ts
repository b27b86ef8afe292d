import type { Paint } from './paint.js'

/** What a command touches of the world around it. */
export interface Context {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly stdout: Output
  readonly stderr: Output
  readonly paint: Paint
  /** Unix time, milliseconds. */
  now(): number
}

export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

/** Options that every command takes. */
export interface GlobalOptions {
  readonly file?: string
  /** Compose files that are laid over it. */
  readonly over?: readonly string[]
  readonly stateDir?: string
  readonly json?: boolean
}

export function print(context: Context, text: string): void {
  context.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
}

export function printJson(context: Context, value: unknown): void {
  context.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

/** What is said beside the answer, so that a pipe gets only the answer. */
export function note(context: Context, text: string): void {
  context.stderr.write(`${text}\n`)
}
