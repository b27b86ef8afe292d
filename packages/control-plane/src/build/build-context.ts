import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { readFile, readdir, readlink, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { PandoError, type BuildSpec } from '@pando/model'
import { generatedIgnore, generatedName } from './dockerfile/generated.js'
import type { TarEntry } from './tar.js'

const maxEntries = 50_000
const neverSent = new Set(['.git', '.pando'])

interface Found {
  readonly name: string
  readonly kind: 'file' | 'folder' | 'link'
  readonly mode: number
  readonly size: number
  readonly target: string
}

/** What is sent to the engine to build an image from. */
export interface BuildContext {
  /** Its path seen from the context. */
  readonly dockerfile: string
  /** First 16 hex digits of the SHA-256 of all that decides what is built. */
  readonly digest: string
  entries(): Generator<TarEntry>
}

/**
 * Reads `folder`, the service's own or a copy of it, but for what its .dockerignore names. With `recipe` that is the Dockerfile, and
 * none of the folder's is. Rejects with `build_failed`.
 */
export async function readContext(
  spec: BuildSpec,
  service: string,
  folder: string,
  recipe: string | null = null,
): Promise<BuildContext> {
  if (recipe === null) return readFolder(spec, service, folder)
  const { entries, ...rest } = await readFolder({ ...spec, dockerfile: generatedName }, service, folder, recipe)
  const text = Buffer.from(recipe)
  const entry = (): TarEntry => ({
    kind: 'file',
    name: generatedName,
    mode: 0o644,
    size: text.length,
    bytes: Readable.from([text]),
  })
  return {
    ...rest,
    *entries() {
      yield entry()
      yield* entries()
    },
  }
}

async function readFolder(
  spec: BuildSpec,
  service: string,
  folder: string,
  recipe: string | null = null,
): Promise<BuildContext> {
  const dockerfile = spec.dockerfile ?? ['Dockerfile', 'Containerfile'].find((name) => existsSync(join(folder, name)))
  if (dockerfile === undefined || (recipe === null && !existsSync(join(folder, dockerfile)))) {
    throw new PandoError(
      'build_failed',
      `service ${service}: there is no ${dockerfile ?? 'Dockerfile'} in ${spec.context}`,
    )
  }
  const unsaid = recipe === null ? '' : generatedIgnore
  const isIgnored = ignoring(await readFile(join(folder, '.dockerignore'), 'utf8').catch(() => unsaid))
  const found: Found[] = []
  const walk = async (below: string): Promise<void> => {
    const entries = await readdir(join(folder, below), { withFileTypes: true })
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const name = below === '' ? entry.name : `${below}/${entry.name}`
      if (neverSent.has(entry.name)) continue
      const isKept = name === dockerfile || !isIgnored(name)
      if (entry.isDirectory()) {
        if (isKept) found.push({ name, kind: 'folder', mode: 0o755, size: 0, target: '' })
        await walk(name)
      } else if (isKept && entry.isSymbolicLink()) {
        found.push({ name, kind: 'link', mode: 0o777, size: 0, target: await readlink(join(folder, name)) })
      } else if (isKept && entry.isFile()) {
        const { mode, size } = await stat(join(folder, name))
        found.push({ name, kind: 'file', mode: (mode & 0o111) === 0 ? 0o644 : 0o755, size, target: '' })
      }
      if (found.length > maxEntries) {
        throw new PandoError('build_failed', `service ${service}: ${spec.context} has more than ${maxEntries} files`, {
          hint: 'name what the build does not need in .dockerignore',
        })
      }
    }
  }
  await walk('')
  const hash = createHash('sha256').update(
    JSON.stringify([dockerfile, spec.args ?? {}, spec.target ?? null, found, ...(recipe === null ? [] : [recipe])]),
  )
  for (const { name, kind } of found) {
    if (kind === 'file') for await (const chunk of createReadStream(join(folder, name))) hash.update(chunk as Buffer)
  }
  return { dockerfile, digest: hash.digest('hex').slice(0, 16), entries: () => entriesOf(folder, found) }
}

function* entriesOf(folder: string, found: readonly Found[]): Generator<TarEntry> {
  for (const { name, kind, mode, size, target } of found) {
    if (kind === 'file') yield { kind, name, mode, size, bytes: createReadStream(join(folder, name)) }
    else if (kind === 'link') yield { kind, name, target }
    else yield { kind, name, mode }
  }
}

/** The last pattern that fits decides. Source: https://docs.docker.com/build/concepts/context/#dockerignore-files */
export function ignoring(text: string): (name: string) => boolean {
  const rules = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const isException = line.startsWith('!')
      const pattern = (isException ? line.slice(1) : line).trim().replace(/^\/+|\/+$/g, '')
      const source = pattern
        .split(/(\*\*\/?|\*|\?)/)
        .map((part) => {
          if (part === '**/') return '(?:.*/)?'
          if (part === '**') return '.*'
          if (part === '*') return '[^/]*'
          return part === '?' ? '[^/]' : part.replace(/[.+^${}()|[\]\\]/g, '\\$&')
        })
        .join('')
      return { isException, pattern: new RegExp(`^${source}(?:/.*)?$`) }
    })
  return (name) => rules.reduce((is, rule) => (rule.pattern.test(name) ? !rule.isException : is), false)
}
