import type { AppSpec, Diagnostic } from '@pando/model'
import { readFrom, type Disk } from '../reading.suite.js'

export const composePath = '/app/compose.yaml'

export interface ComposeReading {
  /** Null when there are mistakes. */
  readonly app: AppSpec | null
  /** As `line:column path: message`. */
  readonly mistakes: readonly string[]
  readonly warnings: readonly string[]
}

export function readCompose(text: string, disk: Disk = {}): ComposeReading {
  const result = readFrom(text, { path: composePath, ...disk })
  return result.kind === 'read'
    ? { app: result.app, mistakes: [], warnings: result.warnings.map(shown) }
    : { app: null, mistakes: result.diagnostics.map(shown), warnings: [] }
}

function shown({ file, line, column, path, message }: Diagnostic): string {
  const where = file === composePath ? '' : `${file}:`
  return `${where}${line}:${column} ${path}: ${message}`
}

/** One service named `web` of the image `i`, with these lines below it. */
export function oneService(lines: string, around = ''): string {
  const inner = lines
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n')
  return `services:\n  web:\n    image: i\n${inner}\n${around}`
}
