import colors from 'yoctocolors'

/** Colours as functions of text; with colours off each returns its text unchanged. */
export interface Paint {
  readonly isOn: boolean
  bold(text: string): string
  dim(text: string): string
  red(text: string): string
  green(text: string): string
  yellow(text: string): string
  cyan(text: string): string
  /** The same colour for the same name, wherever it is shown. */
  name(text: string, name?: string): string
}

const plain = (text: string): string => text

const nameColors = [
  colors.cyan,
  colors.magenta,
  colors.blue,
  colors.yellow,
  colors.green,
  colors.cyanBright,
  colors.magentaBright,
]

export const noPaint: Paint = {
  isOn: false,
  bold: plain,
  dim: plain,
  red: plain,
  green: plain,
  yellow: plain,
  cyan: plain,
  name: plain,
}

export const colorPaint: Paint = {
  isOn: true,
  bold: colors.bold,
  dim: colors.dim,
  red: colors.red,
  green: colors.green,
  yellow: colors.yellow,
  cyan: colors.cyan,
  name: (text, name = text) => (nameColors[hashOf(name) % nameColors.length] ?? plain)(text),
}

export interface ColorWish {
  readonly isTerminal: boolean
  /** `--no-color` was given. */
  readonly isRefused: boolean
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Sources: https://no-color.org (any non-empty NO_COLOR refuses) and https://force-color.org. */
export function paintFor({ isTerminal, isRefused, env }: ColorWish): Paint {
  if (isRefused || (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb') return noPaint
  const forced = env['FORCE_COLOR']
  if (forced === '0' || forced === 'false') return noPaint
  return isTerminal || (forced ?? '') !== '' ? colorPaint : noPaint
}

function hashOf(text: string): number {
  let hash = 0
  for (const character of text) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0
  return hash
}
