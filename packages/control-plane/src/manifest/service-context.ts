import type { Diagnostic } from '@pando/model'
import type { Facts } from './facts.js'
import type { Path, Source } from './source.js'

/** What reading one service needs beside what is written. */
export interface ServiceContext {
  readonly name: string
  /** False when fields with mistakes were taken out, so that what is missing may only have been mistyped. */
  readonly isWhole: boolean
  readonly source: Source
  /** Absolute folder of the file it is written in. */
  readonly folder: string
  readonly variables: Readonly<Record<string, string | undefined>>
  /** Every service of the app. */
  readonly services: readonly string[]
  readonly facts: Facts
  /** Only what can be made an image counts: these must be, others are where they can. Absent: what runs them does. */
  readonly images?: readonly string[]
  /** What the manifest names at its top: absolute files of secrets, and volumes. */
  readonly named: { readonly secrets: ReadonlyMap<string, string>; readonly volumes: ReadonlySet<string> }
  readonly report: (diagnostic: Diagnostic) => void
  readonly warn: (diagnostic: Diagnostic) => void
  /** Called with every variable that was set and asked for. */
  readonly use: (name: string) => void
}

export function servicePath(name: string, path: Path = []): Path {
  return ['services', name, ...path]
}

/** Reports a mistake at a path below the service. */
export function mistake(
  context: ServiceContext,
  path: Path,
  part: 'key' | 'value',
  message: string,
  hint?: string,
  snippet?: string,
): void {
  context.report(context.source.mistake(servicePath(context.name, path), part, message, hint, snippet))
}
