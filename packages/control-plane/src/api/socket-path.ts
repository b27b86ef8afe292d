import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { PandoError } from '@pando/model'

/**
 * A unix socket's address holds 107 bytes at most (unix(7)), and the socket is made beside its place first, in a folder
 * with a longer name: so longer paths than this are replaced.
 */
const maxPathBytes = 90

/**
 * Where the socket that is meant by `path` really is: `path` itself, or, when that is too long for an address, a name made of it in
 * `/tmp/pando-UID`, which is a folder that only this user can enter. Client and server come to the same place by it.
 */
export function socketAddressOf(path: string): string {
  if (Buffer.byteLength(path) <= maxPathBytes) return path
  const name = createHash('sha256').update(path).digest('hex').slice(0, 24)
  return join(privateFolder(), `${name}.sock`)
}

function privateFolder(): string {
  const uid = process.getuid?.() ?? 0
  const folder = `/tmp/pando-${uid}`
  mkdirSync(folder, { mode: 0o700, recursive: true })
  const found = lstatSync(folder)
  // Anybody may make names in /tmp: a folder that is not ours alone could be swapped under us.
  if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o077) !== 0) {
    throw new PandoError('forbidden', `${folder} is not a folder that only you can enter`, {
      hint: 'Remove it, or use a state directory with a shorter path.',
    })
  }
  return folder
}
