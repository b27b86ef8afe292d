import { open, readdir, stat, type FileHandle } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { PandoError, type AppSpec, type Diagnostic, type GatewaySpec, type ServiceSpec } from '@pando/model'
import type { FileFact } from './facts.js'
import { tellingFiles, type FolderFacts } from './folder.js'
import { readManifest } from './read.js'
import { largestFile } from './source.js'
import { quote } from './units.js'

export interface LoadOptions {
  /** Path of the manifest. */
  readonly path: string
  /** Values for `${NAME}` and for variables that are handed on, usually the caller's environment. */
  readonly variables: Readonly<Record<string, string | undefined>>
  /** Services with profiles are there only when one of theirs is in here or in PANDO_PROFILES; `*` is all. Default: none. */
  readonly profiles?: readonly string[]
  /**
   * Services of a running app that those of this manifest join: they may be named and depended on, and are no part of the result.
   * Null: only its name is known, so that nothing else is checked against it.
   */
  readonly neighbours?: Readonly<Record<string, ServiceSpec | null>>
  /** The gateway that serves them. Absent: what it offers is not known, and not checked. */
  readonly presentGateway?: GatewaySpec
  /**
   * To make images, whatever runs the services: these must be made one, and are where no other way is written; all others as far as they
   * can be.
   */
  readonly images?: readonly string[]
}

export interface LoadedManifest {
  readonly app: AppSpec
  /** The variables that the manifest asked for and that were set: all that a second reading needs for the same result (the profiles as PANDO_PROFILES). */
  readonly usedVariables: Readonly<Record<string, string>>
  /** What is no mistake and yet worth a look. */
  readonly warnings: readonly Diagnostic[]
  /** Absolute paths of all files whose text was read: itself, those that it includes, those of variables. */
  readonly files: readonly string[]
}

/** Every reading may ask for more files; included ones name further ones, so their depth bounds the readings. */
const mostReadings = 150

/**
 * Reads a manifest and everything it names, checks it and fills in every default. Rejects with `not_found` when there is no such
 * file, and with `manifest_invalid` and every mistake with its place in `diagnostics`.
 */
export async function loadManifest(options: LoadOptions): Promise<LoadedManifest> {
  const path = resolve(options.path)
  if (!(await exists(path))) {
    throw new PandoError('not_found', `there is no manifest at ${quote(path)}`, {
      hint: 'pando init writes one for the services in a folder',
    })
  }
  const files = new Map<string, FileFact>()
  const folders = new Map<string, FolderFacts | null>()
  for (let reading = 0; reading < mostReadings; reading++) {
    const result = readManifest({
      path,
      variables: options.variables,
      profiles: options.profiles ?? [],
      neighbours: options.neighbours ?? {},
      ...(options.presentGateway === undefined ? {} : { presentGateway: options.presentGateway }),
      ...(options.images === undefined ? {} : { images: options.images }),
      files,
      folders,
    })
    if (result.kind === 'read')
      return {
        app: result.app,
        usedVariables: result.usedVariables,
        warnings: result.warnings,
        files: [...files.keys()],
      }
    if (result.kind === 'mistaken') throw manifestError(result.diagnostics)
    for (const file of result.files) files.set(file, await readFileFact(file))
    for (const folder of result.folders) folders.set(folder, await readFolderFacts(folder))
  }
  throw new PandoError('manifest_invalid', `the files that ${quote(path)} includes include too many others`)
}

function manifestError(diagnostics: readonly Diagnostic[]): PandoError {
  const message =
    diagnostics.length === 1 ? 'the manifest has a mistake' : `the manifest has ${diagnostics.length} mistakes`
  return new PandoError('manifest_invalid', message, { diagnostics })
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

/** The text of a file, or in words why there is none. */
export async function readFileFact(path: string): Promise<FileFact> {
  let handle: FileHandle | null = null
  try {
    // A pipe would block the opening for ever.
    if (!(await stat(path)).isFile()) return mistake(`${quote(path)} is not a file`)
    handle = await open(path)
    const bytes = Buffer.alloc(largestFile + 1)
    let length = 0
    for (;;) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length, length)
      length += bytesRead
      if (bytesRead === 0 || length === bytes.length) break
    }
    if (length > largestFile) return mistake(`${quote(path)} is larger than ${largestFile / 1_048_576} MiB`)
    return decode(bytes.subarray(0, length), path)
  } catch (error) {
    return mistake(explainSystemError(error, path))
  } finally {
    await handle?.close()
  }
}

function mistake(message: string): FileFact {
  return { kind: 'mistake', message }
}

function decode(bytes: Uint8Array, path: string): FileFact {
  try {
    return { kind: 'text', text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch {
    return mistake(`${quote(path)} is not text in UTF-8`)
  }
}

function explainSystemError(error: unknown, path: string): string {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ENOENT' || code === 'ENOTDIR') return `there is no file ${quote(path)}`
  if (code === 'EACCES' || code === 'EPERM') return `${quote(path)} may not be read by this user`
  return `${quote(path)} cannot be read: ${code ?? String(error)}`
}

const longestText = 65_536

/** What is in a folder, or null when there is none. */
export async function readFolderFacts(path: string): Promise<FolderFacts | null> {
  let entries
  try {
    entries = await readdir(path, { withFileTypes: true })
  } catch {
    return null
  }
  const texts: Record<string, string> = {}
  for (const entry of entries) {
    if (!entry.isFile() || !(tellingFiles as readonly string[]).includes(entry.name)) continue
    const fact = await readFileFact(join(path, entry.name))
    if (fact.kind === 'text') texts[entry.name] = fact.text.slice(0, longestText)
  }
  return { path, entries: entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort(), texts }
}

/** The texts that `formatDiagnostics` shows lines of. Files that cannot be read are left out. */
export async function readSources(diagnostics: readonly Diagnostic[]): Promise<Map<string, string>> {
  const sources = new Map<string, string>()
  for (const file of new Set(diagnostics.map((diagnostic) => diagnostic.file))) {
    const fact = await readFileFact(file)
    if (fact.kind === 'text') sources.set(file, fact.text)
  }
  return sources
}
