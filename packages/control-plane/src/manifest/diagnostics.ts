import { relative } from 'node:path'
import type { Diagnostic } from '@pando/model'

export interface FormatOptions {
  /** Absolute folder that file names are shown from; without it they are shown whole. */
  readonly relativeTo?: string
  /** Colours one part of the text; by default nothing is coloured. */
  readonly style?: (part: 'place' | 'line' | 'caret' | 'message' | 'hint', text: string) => string
}

/** Long lines are shown around the mistake only. */
const widestLine = 100

/**
 * Diagnostics for people, each with its place, its line and a caret below the column:
 *
 *   pando.yaml:4:5  services.users.replica: unknown key "replica"
 *       replica: 2
 *       ^
 *     did you mean "replicas"?
 *
 * `sources` holds the text by file name as in the diagnostics; without it the line is left out. Ends without a newline.
 */
export function formatDiagnostics(
  diagnostics: readonly Diagnostic[],
  sources: ReadonlyMap<string, string>,
  options: FormatOptions = {},
): string {
  const style = options.style ?? ((_, text) => text)
  return diagnostics
    .map((diagnostic) => {
      const { line, column, path, message, hint } = diagnostic
      const file = options.relativeTo === undefined ? diagnostic.file : shorter(diagnostic.file, options.relativeTo)
      const rows = [
        `${style('place', `${file}:${line}:${column}`)}  ${path === '' ? '' : `${path}: `}${style('message', message)}`,
      ]
      const text = sources.get(diagnostic.file)?.split('\n')[line - 1]
      if (text !== undefined) {
        const excerpt = around(printable(text), column - 1)
        rows.push(`    ${style('line', excerpt.text)}`, `    ${' '.repeat(excerpt.caret)}${style('caret', '^')}`)
      }
      if (hint !== undefined) rows.push(`  ${style('hint', hint)}`)
      return rows.map((row) => row.trimEnd()).join('\n')
    })
    .join('\n\n')
}

function shorter(file: string, from: string): string {
  const path = relative(from, file)
  return path === '' || path.length > file.length ? file : path
}

/** Control characters would move the caret, or the terminal: each is shown as one blank. */
function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- These are the characters that are meant.
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, ' ')
}

function around(text: string, caret: number): { text: string; caret: number } {
  const indent = /^ */.exec(text)?.[0].length ?? 0
  const start = caret - indent < widestLine ? Math.min(indent, caret) : caret - Math.floor(widestLine / 2)
  return { text: text.slice(start, start + widestLine), caret: caret - start }
}
