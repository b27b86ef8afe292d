import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type EngineClient, EngineError } from '../drivers/container/engine-client.js'
import { tarEntries, withoutTimes } from './tar-times.js'
import { tarOf, type TarEntry } from './tar.js'

const epoch = '1970-01-01T00:00:00Z'

interface ImageDetails {
  readonly Id: string
  readonly Created: string
  readonly RootFS: { readonly Layers?: readonly string[] }
}

/** What an image's own document says. Source: https://github.com/opencontainers/image-spec/blob/main/config.md */
interface ImageConfig {
  readonly rootfs: { readonly type: string; readonly diff_ids: readonly string[] }
  readonly history?: readonly Readonly<Record<string, unknown>>[]
  /** What it is run with. */
  readonly config?: Readonly<Record<string, unknown>>
  readonly [field: string]: unknown
}

/** True for one that has been made steady: it is said to be of 1970. */
export function isSteady({ Created }: Pick<ImageDetails, 'Created'>): boolean {
  return Date.parse(Created) === 0
}

/**
 * Replaces an image by the same without a time in it: in its layers but those of `base`, in its history, and of itself; nor the
 * name of the container that it was made in. What is built of the same bytes then has the same digest, whenever, wherever. Resolves with
 * that digest. Rejects with `EngineError` when the engine does not take it.
 */
export async function makeSteady(
  engine: EngineClient,
  image: { readonly tag: string; readonly base: string; readonly signal: AbortSignal },
): Promise<string> {
  const { tag, base, signal } = image
  const inspect = async (name: string): Promise<ImageDetails> => {
    const found = await engine.ask<ImageDetails>('GET', `/images/${encodeURIComponent(name)}/json`)
    if (found === null) throw new EngineError(404, `there is no image ${name}`)
    return found
  }
  const shared = (await inspect(base)).RootFS.Layers ?? []
  const folder = await mkdtemp(join(tmpdir(), 'pando-image-'))
  try {
    const { Id } = await inspect(tag)
    const answer = await engine.stream('GET', `/images/${Id}/get`, { signal, timeoutMs: 0 })
    // Podman takes no archive without all of its layers.
    const known = (await engine.isPodman()) ? [] : shared
    const saved = await unpack(answer, folder, new Set(known))
    const { config, layers } = await rewrite(saved, { folder, shared })
    const text = JSON.stringify(config)
    const digest = createHash('sha256').update(text).digest('hex')
    const manifest = [{ Config: `${digest}.json`, RepoTags: [tag], Layers: layers.map(({ name }) => name) }]
    const entries = [
      textEntry('manifest.json', JSON.stringify(manifest)),
      textEntry(`${digest}.json`, text),
      // The engine has the others, and asks for none of them.
      ...layers.flatMap(({ entry }) => (entry === null ? [] : [entry])),
    ]
    const options = { body: tarOf(entries), contentType: 'application/x-tar', signal, timeoutMs: 0 }
    const loaded = await engine.stream('POST', '/images/load', { query: { quiet: '1' }, ...options })
    let said = ''
    for await (const chunk of loaded as AsyncIterable<Buffer>) said = (said + chunk.toString('utf8')).slice(-4000)
    const made = await inspect(tag)
    if (made.Id !== `sha256:${digest}`) throw new EngineError(500, said.trim() || 'it was taken as another image')
    return made.Id
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

interface Saved {
  readonly config: ImageConfig
  /** By name in the archive: the file that holds it, null for one that is shared. */
  readonly files: ReadonlyMap<string, string | null>
  readonly layers: readonly string[]
}

async function unpack(archive: AsyncIterable<Uint8Array>, folder: string, shared: ReadonlySet<string>): Promise<Saved> {
  const files = new Map<string, string | null>()
  const links = new Map<string, string>()
  for await (const entry of tarEntries(archive)) {
    const { name, type, target } = entry
    if (type === '2') links.set(name, posix.join(posix.dirname(name), target))
    if (type !== '0') continue
    const file = join(folder, String(files.size))
    const hash = createHash('sha256')
    await pipeline(Readable.from(hashed(entry.contents(), hash)), createWriteStream(file))
    const isShared = shared.has(`sha256:${hash.digest('hex')}`)
    if (isShared) await rm(file)
    files.set(name, isShared ? null : file)
  }
  for (const [name, target] of links) files.set(name, files.get(target) ?? null)
  const read = async (name: string): Promise<string> => readFile(files.get(name) ?? join(folder, 'absent'), 'utf8')
  type Manifest = readonly { readonly Config: string; readonly Layers: readonly string[] }[]
  const [manifest] = JSON.parse(await read('manifest.json')) as Manifest
  const config = JSON.parse(await read(manifest?.Config ?? '')) as ImageConfig
  return { config, files, layers: manifest?.Layers ?? [] }
}

async function rewrite(
  { config, files, layers }: Saved,
  { folder, shared }: { readonly folder: string; readonly shared: readonly string[] },
): Promise<{
  readonly config: ImageConfig
  readonly layers: readonly { readonly name: string; readonly entry: TarEntry | null }[]
}> {
  const made = []
  for (const [index, layer] of layers.entries()) {
    const file = files.get(layer) ?? null
    if (index < shared.length || file === null) {
      const diff = config.rootfs.diff_ids[index] ?? ''
      const name = `${diff.slice(7)}/layer.tar`
      made.push({ diff, name, entry: file === null ? null : await layerEntry(name, file) })
      continue
    }
    const path = join(folder, `layer-${index}`)
    const hash = createHash('sha256')
    await pipeline(Readable.from(hashed(withoutTimes(createReadStream(file)), hash)), createWriteStream(path))
    const hex = hash.digest('hex')
    const name = `${hex}/layer.tar`
    made.push({ diff: `sha256:${hex}`, name, entry: await layerEntry(name, path) })
  }
  const rest = without(config, ['container', 'container_config', 'docker_version', 'parent'])
  // The image of the step before, which has a time in it, and the name of the container.
  const settings = { ...without(config.config ?? {}, ['Image']), Hostname: '' }
  const steps = (config.history ?? []).map((each) => ({ ...without(each, ['comment']), created: epoch }))
  const history = withSortedLabels(steps)
  const rootfs = { ...config.rootfs, diff_ids: made.map(({ diff }) => diff) }
  return { config: { ...rest, config: settings, created: epoch, history, rootfs }, layers: made }
}

/** Podman adds the labels that a build is given in any order, at its end and each in a step of its own. */
function withSortedLabels<T extends Readonly<Record<string, unknown>>>(steps: readonly T[]): T[] {
  const textOf = (step: T): string => String(step['created_by'])
  const begin = steps.findLastIndex((step) => !textOf(step).includes('#(nop) LABEL ')) + 1
  const labels = steps.slice(begin).toSorted((a, b) => (textOf(a) < textOf(b) ? -1 : 1))
  return [...steps.slice(0, begin), ...labels]
}

async function layerEntry(name: string, path: string): Promise<TarEntry> {
  return { kind: 'file', name, mode: 0o644, size: (await stat(path)).size, bytes: createReadStream(path) }
}

function without<T extends object>(value: T, names: readonly string[]): T {
  return Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name))) as T
}

async function* hashed(bytes: AsyncIterable<Buffer>, hash: { update(chunk: Buffer): unknown }): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) {
    hash.update(chunk)
    yield chunk
  }
}

function textEntry(name: string, text: string): TarEntry {
  const bytes = Buffer.from(text)
  return { kind: 'file', name, mode: 0o644, size: bytes.length, bytes: Readable.from([bytes]) }
}
