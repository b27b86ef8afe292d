import type { AppSpec, Diagnostic, GatewaySpec, ServiceSpec } from '@pando/model'
import { expect } from 'vitest'
import type { FileFact } from './facts.js'
import type { FolderFacts } from './folder.js'
import { readManifest, type ReadResult } from './read.js'

export interface Disk {
  /** Absolute; by default that of a manifest of ours. */
  readonly path?: string
  readonly variables?: Readonly<Record<string, string | undefined>>
  readonly profiles?: readonly string[]
  readonly images?: readonly string[]
  readonly neighbours?: Readonly<Record<string, ServiceSpec | null>>
  readonly presentGateway?: GatewaySpec
  /** Texts by absolute path, beside the manifest itself. */
  readonly files?: Readonly<Record<string, string>>
  /** Entries by absolute path; null: no such folder. Folders that are not here hold an app.py. */
  readonly folders?: Readonly<Record<string, readonly string[] | null>>
}

export const manifestPath = '/app/pando.yaml'

/** Reads a manifest from a disk that is only imagined, asking again as often as the reader needs more of it. */
export function readFrom(text: string, disk: Disk = {}): Exclude<ReadResult, { kind: 'needs' }> {
  const files = new Map<string, FileFact>([[disk.path ?? manifestPath, { kind: 'text', text }]])
  const folders = new Map<string, FolderFacts | null>()
  for (let round = 0; round < 200; round++) {
    const result = readManifest({
      path: disk.path ?? manifestPath,
      variables: disk.variables ?? {},
      profiles: disk.profiles ?? [],
      ...(disk.images === undefined ? {} : { images: disk.images }),
      ...(disk.neighbours === undefined ? {} : { neighbours: disk.neighbours }),
      ...(disk.presentGateway === undefined ? {} : { presentGateway: disk.presentGateway }),
      files,
      folders,
    })
    if (result.kind !== 'needs') return result
    for (const file of result.files) {
      const found = disk.files?.[file]
      files.set(
        file,
        found === undefined
          ? { kind: 'mistake', message: `there is no file "${file}"` }
          : { kind: 'text', text: found },
      )
    }
    for (const path of result.folders) {
      const entries = disk.folders?.[path] === undefined ? ['app.py'] : disk.folders[path]
      folders.set(path, entries === null ? null : { path, entries, texts: {} })
    }
  }
  throw new Error('the reader never had enough')
}

export function appOf(text: string, disk: Disk = {}): AppSpec {
  const result = readFrom(text, disk)
  if (result.kind !== 'read') throw new Error(`not read: ${JSON.stringify(result.diagnostics, null, 2)}`)
  return result.app
}

export function mistakesOf(text: string, disk: Disk = {}): readonly Diagnostic[] {
  const result = readFrom(text, disk)
  if (result.kind !== 'mistaken') throw new Error('the manifest was expected to have mistakes')
  return result.diagnostics
}

/** The mistakes as `line:column path: message (hint)`, for tests to compare. */
export function listed(text: string, disk: Disk = {}): string[] {
  return mistakesOf(text, disk).map(
    ({ line, column, path, message, hint }) =>
      `${line}:${column} ${path}: ${message}${hint === undefined ? '' : ` (${hint})`}`,
  )
}

/** That every place lies inside its file. */
export function expectPlacesInside(diagnostics: readonly Diagnostic[], texts: Readonly<Record<string, string>>): void {
  for (const { file, line, column, message } of diagnostics) {
    const lines = (texts[file] ?? '').split('\n')
    expect(line, `line of: ${message}`).toBeGreaterThanOrEqual(1)
    expect(line, `line of: ${message}`).toBeLessThanOrEqual(lines.length)
    expect(column, `column of: ${message}`).toBeGreaterThanOrEqual(1)
    expect(column, `column of: ${message}`).toBeLessThanOrEqual((lines[line - 1] ?? '').length + 1)
    expect(message).not.toBe('')
  }
}
