import { stripVTControlCharacters } from 'node:util'
import type { Paint } from '../paint.js'

export interface TableOptions {
  readonly paint: Paint
  /** Lines are cut here; absent: never. */
  readonly columns?: number
  readonly indent?: string
}

/** Columns as wide as their widest cell, two spaces between them, no space at the end of a line. Cells may carry colours. */
export function renderTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  options: TableOptions,
): string {
  const widths = head.map((title, column) =>
    Math.max(...[title, ...rows.map((row) => row[column] ?? '')].map(visibleWidth)),
  )
  const line = (cells: readonly string[]): string => {
    const text = cells
      .map((cell, column) =>
        column === head.length - 1 ? cell : cell + ' '.repeat((widths[column] ?? 0) - visibleWidth(cell)),
      )
      .join('  ')
      .trimEnd()
    return cut(`${options.indent ?? ''}${text}`, options.columns)
  }
  return [line(head.map((title) => options.paint.dim(title))), ...rows.map(line)].join('\n')
}

/** A colour of the terminal, kept apart by `split` because it is a group. */
// oxlint-disable-next-line no-control-regex -- colours are control sequences
const color = /(\u001b\[[0-9;]*m)/

export function visibleWidth(text: string): number {
  return [...stripVTControlCharacters(text)].length
}

/** Cuts to so many visible characters, the last of them an ellipsis; colours that were on are ended as before. */
export function cut(text: string, columns: number | undefined): string {
  if (columns === undefined || columns < 2 || visibleWidth(text) <= columns) return text
  let kept = ''
  let left = columns - 1
  for (const piece of text.split(color)) {
    if (color.test(piece)) kept += piece
    else {
      const characters = [...piece].slice(0, left)
      left -= characters.length
      kept += characters.join('')
    }
  }
  return `${kept}…`
}
