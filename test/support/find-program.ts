import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The path of a program of this machine; null where there is none. */
export function findProgram(name: string): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file)) ?? null
}
