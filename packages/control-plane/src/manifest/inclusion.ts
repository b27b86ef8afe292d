import { dirname, resolve } from 'node:path'
import type { Diagnostic } from '@pando/model'
import { z } from 'zod'
import { translateCompose } from './compose/document.js'
import { isComposeFile } from './compose/recognition.js'
import type { Written } from './compose/written.js'
import { isGivenTo } from './environment.js'
import type { Facts } from './facts.js'
import type { Interpolation } from './interpolation.js'
import { includeSchema, manifestSchema } from './schema.js'
import { parseSource, type Path, type Source } from './source.js'
import { quote } from './units.js'
import { validate } from './validation.js'

/** More files than this are a mistake rather than an app. */
const mostFiles = 100

/** One file of the app, and what stands in it. */
export interface ManifestFile {
  readonly source: Source
  /** Absolute folder of the file. */
  readonly folder: string
  /** Its top level, unchecked but for being a map. */
  readonly content: Readonly<Record<string, unknown>>
}

/** The manifest and every file that it includes, the manifest first. Mistakes of the files themselves are reported. */
export function collectFiles(path: string, options: Opening): ManifestFile[] {
  const { facts, report, warn } = options
  const files: ManifestFile[] = []
  const seen = new Set<string>()

  const collect = (
    file: string,
    trail: readonly string[],
    reportMissing: (message: string, hint?: string) => void,
    isCompose: boolean = isComposeFile(file),
  ): void => {
    const fact = facts.file(file)
    if (fact === undefined) return
    if (fact.kind === 'mistake') return reportMissing(fact.message)
    seen.add(file)
    const parsed = isCompose ? openCompose(file, fact.text, options) : openManifest(file, fact.text, options)
    for (const diagnostic of parsed.diagnostics) report(diagnostic)
    const isMap = parsed.value !== null && typeof parsed.value === 'object' && !Array.isArray(parsed.value)
    const source =
      isCompose && isMap
        ? translateCompose(parsed, {
            isMain: trail.length === 0,
            over: trail.length === 0 ? openOver(parsed, options) : [],
            report,
            warn,
            open: (other, at) => openOther(other, at, options),
          })
        : parsed
    if (source.value === null || typeof source.value !== 'object' || Array.isArray(source.value)) {
      if (source.diagnostics.length === 0) {
        const isEmpty = source.value === null
        const message = isEmpty ? 'the file says nothing' : 'a manifest is a map: name, services, gateway'
        report(source.mistake([], 'value', message, 'pando init writes a manifest for an existing folder'))
      }
      return
    }
    const folder = dirname(file)
    const content = source.value as Record<string, unknown>
    files.push({ source, folder, content })
    if (content['include'] === undefined) return
    const { data, diagnostics } = validate(includeSchema, content['include'], source, ['include'])
    for (const diagnostic of diagnostics) report(diagnostic)
    for (const [index, entry] of (data ?? []).entries()) {
      const included = resolve(folder, typeof entry === 'string' ? entry : entry.path)
      const at = (message: string, hint?: string): void =>
        report(source.mistake(['include', index], 'value', message, hint))
      if (trail.includes(included) || included === file) {
        at(
          `files include each other: ${[...trail.slice(Math.max(0, trail.indexOf(included))), file, included].join(' -> ')}`,
        )
      } else if (files.length >= mostFiles) at(`more than ${mostFiles} files are included`)
      // A file that two others include is read once.
      else if (!seen.has(included)) collect(included, [...trail, file], at, isCompose || isComposeFile(included))
    }
  }

  collect(path, [], (message, hint) =>
    report({ file: path, line: 1, column: 1, path: '', message, ...(hint === undefined ? {} : { hint }) }),
  )
  return files
}

interface Opening {
  /** Compose files that are laid over the main one. */
  readonly over: readonly string[]
  readonly variables: Interpolation['variables']
  readonly facts: Facts
  readonly report: (diagnostic: Diagnostic) => void
  readonly warn: (diagnostic: Diagnostic) => void
}

function openManifest(file: string, text: string, { variables }: Opening): Source {
  return parseSource(file, text, { variables, isGiven: (name) => isGivenTo(name, []), isRaw, isFreeForm })
}

/** Compose replaces variables everywhere, also in commands, and what begins with `x-` is looked at one by one. */
function openCompose(file: string, text: string, { variables, warn }: Opening): Source {
  return parseSource(file, text, {
    variables,
    isGiven: () => false,
    isRaw: () => false,
    isFreeForm: () => true,
    onUnset: warn,
  })
}

/** Paths in them are seen from the folder of the first, as with Compose. Those that cannot be read are reported there. */
function openOver(main: Source, options: Opening): Source[] {
  return options.over.flatMap((file) => {
    const fact = options.facts.file(file)
    if (fact === undefined) return []
    if (fact.kind === 'mistake') {
      options.report(main.mistake([], 'value', fact.message))
      return []
    }
    const source = openCompose(file, fact.text, options)
    for (const diagnostic of source.diagnostics) options.report(diagnostic)
    if (source.value === null) return []
    if (typeof source.value === 'object' && !Array.isArray(source.value))
      return [{ ...source, folder: dirname(main.file) }]
    options.report(source.mistake([], 'value', 'a Compose file is a map: name, services'))
    return []
  })
}

/** A file that a service of a Compose file extends. */
function openOther(file: string, at: Written, options: Opening): Source | null {
  const fact = options.facts.file(file)
  if (fact === undefined) return null
  if (fact.kind === 'mistake') {
    options.report(at.source.mistake(at.path, 'value', fact.message))
    return null
  }
  const source = openCompose(file, fact.text, options)
  for (const diagnostic of source.diagnostics) options.report(diagnostic)
  return source
}

/** What every file may say for itself; `name`, `gateway` and `api` are said once in an app. */
export function checkTopLevel(
  files: readonly ManifestFile[],
  report: (diagnostic: Diagnostic) => void,
  warn: (diagnostic: Diagnostic) => void,
): void {
  const first = new Map<string, Source>()
  for (const { source, content } of files) {
    for (const diagnostic of validate(topLevel, content, source, []).diagnostics) report(diagnostic)
    for (const key of ['name', 'gateway', 'api'] as const) {
      if (content[key] === undefined) continue
      const other = first.get(key)
      if (other === undefined) first.set(key, source)
      else
        report(source.mistake([key], 'key', `"${key}" is said in ${quote(other.file)} already`, 'an app says it once'))
    }
    if (content['version'] !== undefined) {
      warn(source.mistake(['version'], 'key', '"version" has no meaning', 'take it out'))
    }
  }
}

/** The words of the top level; what stands under them is checked part by part, so that one mistake does not hide others. */
const topLevel = z.strictObject(
  Object.fromEntries(Object.keys(manifestSchema.shape).map((key) => [key, z.unknown().optional()])),
)

/** Commands are read later, when the environment of their program is known. */
function isRaw(path: Path): boolean {
  if (path[0] !== 'services') return false
  if (path[2] === 'command') return true
  return (
    (path[2] === 'build' && path[3] === 'command') ||
    (path[2] === 'healthcheck' && (path[3] === 'command' || path[3] === 'test'))
  )
}

/** Names in these maps are the user's own, so `x-` at their beginning is no extension. */
function isFreeForm(path: Path): boolean {
  const last = path.at(-1)
  if (last === 'environment' && path.length === 3) return true
  return path.includes('routes') && (last === 'headers' || last === 'query' || last === 'set' || last === 'add')
}
