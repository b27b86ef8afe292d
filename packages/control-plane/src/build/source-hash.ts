import { createHash, type Hash } from 'node:crypto'
import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Never a source: version control, and what tools make and fetch. */
const neverSources = new Set([
  '.git',
  '.hg',
  '.svn',
  '.pando',
  '.venv',
  '.cache',
  '.next',
  '.nuxt',
  '.turbo',
  '.parcel-cache',
  '__pycache__',
  'coverage',
  'dist',
  'node_modules',
  'venv',
])
/** Files larger than this count by size and time of change. */
const maxReadBytes = 1_048_576
const maxFiles = 50_000

/** Names the state of a folder's sources: the same as long as no source has changed. `outputs` are names in it that builds make. */
export async function sourceHash(folder: string, outputs: readonly string[] = []): Promise<string> {
  const hash = createHash('sha256')
  await addFolder(hash, folder, '', new Set(outputs), { files: 0 })
  return hash.digest('hex').slice(0, 16)
}

async function addFolder(
  hash: Hash,
  folder: string,
  below: string,
  outputs: ReadonlySet<string>,
  count: { files: number },
): Promise<void> {
  const entries = await readdir(join(folder, below), { withFileTypes: true })
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (neverSources.has(entry.name) || (below === '' && outputs.has(entry.name))) continue
    const path = join(below, entry.name)
    if (entry.isDirectory()) await addFolder(hash, folder, path, outputs, count)
    else if (entry.isFile() && (count.files += 1) <= maxFiles) await addFile(hash, folder, path)
  }
}

async function addFile(hash: Hash, folder: string, path: string): Promise<void> {
  const file = join(folder, path)
  try {
    const { size, mtimeMs } = await stat(file)
    hash.update(`${path}\0${size}\0`)
    hash.update(size > maxReadBytes ? String(mtimeMs) : await readFile(file))
  } catch {
    // Gone since it was listed.
  }
}
