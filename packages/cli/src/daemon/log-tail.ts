import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'

const maxBytes = 64 * 1024

export function daemonLogOf(stateDir: string): string {
  return join(stateDir, 'pandod.log')
}

/** The last lines of a file of any size, without reading more than 64 KiB of it; empty when there is none. */
export function lastLines(path: string, count: number): string[] {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return []
  }
  try {
    const { size } = fstatSync(file)
    const bytes = Buffer.alloc(Math.min(size, maxBytes))
    const read = readSync(file, bytes, 0, bytes.length, size - bytes.length)
    const lines = bytes.toString('utf8', 0, read).split('\n')
    if (size > maxBytes) lines.shift()
    if (lines.at(-1) === '') lines.pop()
    return lines.slice(-count)
  } finally {
    closeSync(file)
  }
}
