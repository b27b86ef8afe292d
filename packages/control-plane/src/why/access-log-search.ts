import { open, readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { LoggedRequest } from '@pando/model'

const chunkBytes = 1024 * 1024
/** More is not read for one question, over all files. */
export const searchedBytes = 64 * 1024 * 1024

/**
 * The newest request of that id in the access log at `path` and in those that were renamed beside it (`access.log.1`), read from the end;
 * null when it is not among the last `most` bytes. `id` is a token of RFC 9110, so it stands in the log as it is.
 */
export async function findRequest(path: string, id: string, most = searchedBytes): Promise<LoggedRequest | null> {
  const needle = Buffer.from(`"requestId":"${id}"}\n`, 'latin1')
  let left = most
  for (const file of await newestFirst(path)) {
    if (left <= 0) return null
    const { line, read } = await findLine(file, needle, left)
    if (line !== null) return readRequest(line)
    left -= read
  }
  return null
}

async function newestFirst(path: string): Promise<string[]> {
  const name = basename(path)
  const names = await readdir(dirname(path)).catch(() => [])
  const found: { file: string; at: number }[] = []
  for (const entry of names) {
    if (entry !== name && !entry.startsWith(`${name}.`)) continue
    const file = join(dirname(path), entry)
    const stats = await stat(file).catch(() => null)
    if (stats?.isFile() === true) found.push({ file, at: entry === name ? Infinity : stats.mtimeMs })
  }
  return found.sort((a, b) => b.at - a.at).map(({ file }) => file)
}

async function findLine(file: string, needle: Buffer, most: number): Promise<{ line: string | null; read: number }> {
  const handle = await open(file, 'r').catch(() => null)
  if (handle === null) return { line: null, read: 0 }
  try {
    let at = (await handle.stat()).size
    let read = 0
    /** The end of a line whose beginning lies further to the front. */
    let rest: Buffer = Buffer.alloc(0)
    while (at > 0 && read < most) {
      const size = Math.min(chunkBytes, at, most - read)
      const chunk = Buffer.alloc(size)
      const { bytesRead } = await handle.read(chunk, 0, size, at - size)
      // It has become shorter meanwhile: somebody has emptied it.
      if (bytesRead < size) return { line: null, read: read + bytesRead }
      at -= size
      read += size
      const bytes = Buffer.concat([chunk, rest])
      const start = at === 0 ? 0 : bytes.indexOf(0x0a) + 1
      const whole = at > 0 && start === 0 ? Buffer.alloc(0) : bytes.subarray(start)
      const found = whole.lastIndexOf(needle)
      if (found !== -1) {
        const from = found === 0 ? 0 : whole.lastIndexOf(0x0a, found - 1) + 1
        return { line: whole.toString('latin1', from, found + needle.length), read }
      }
      rest = whole.length === 0 ? bytes : bytes.subarray(0, start)
    }
    return { line: null, read }
  } finally {
    await handle.close()
  }
}

/** Null for a line that is not one of ours. */
export function readRequest(line: string): LoggedRequest | null {
  let value: Record<string, unknown>
  try {
    value = JSON.parse(line) as Record<string, unknown>
  } catch {
    return null
  }
  const text = (name: string): string => (typeof value[name] === 'string' ? value[name] : '')
  const number = (name: string): number => (typeof value[name] === 'number' ? value[name] : 0)
  const at = Date.parse(text('time'))
  if (Number.isNaN(at)) return null
  return {
    id: text('requestId'),
    at,
    method: text('method'),
    host: text('host'),
    path: text('path'),
    status: number('status'),
    grpcStatus: text('grpcStatus'),
    durationMs: number('durationMs'),
    route: text('route'),
    service: text('service'),
    endpoint: text('endpoint') || text('asked'),
    revision: text('revision'),
    reason: text('reason'),
    isCut: value['cut'] === true,
    retries: number('retries'),
  }
}
