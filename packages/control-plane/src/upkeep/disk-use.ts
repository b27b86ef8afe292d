import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'

const bytesPerBlock = 512

/** What the disk gets back when this goes: files that have another name elsewhere are not counted. 0 when it is not there. */
export async function diskUse(path: string): Promise<number> {
  const found = await lstat(path).catch(() => null)
  if (found === null) return 0
  const own = found.isDirectory() || found.nlink === 1 ? found.blocks * bytesPerBlock : 0
  if (!found.isDirectory()) return own
  let sum = own
  for (const name of await readdir(path).catch(() => [])) sum += await diskUse(join(path, name))
  return sum
}
