import { existsSync, writeFileSync } from 'node:fs'
import { PandoError } from '@pando/model'
import type { Clock } from '../clock.js'
import { EngineClient, EngineError } from '../drivers/container/engine-client.js'
import type { Program } from '../drivers/driver.js'
import { revisionFolder } from '../revisions/revision-folder.js'
import { readContext } from './build-context.js'
import { outputOf } from './build-output.js'
import type { BuildOrder, Builder } from './builder.js'
import { imagePrefix } from './built-images.js'
import { recipeFor } from './dockerfile/folder-recipe.js'
import { lastBase } from './dockerfile/recipe.js'
import { isOnLoopback, parseImageName } from './image-name.js'
import { ImageRecords } from './image-records.js'
import { registryLogin } from './registry-login.js'
import { isSteady, makeSteady } from './steady-image.js'
import { tarOf } from './tar.js'

/** The builder of one state directory's images. */
export function imageBuilderFor(options: {
  readonly stateDir: string
  readonly clock: Clock
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly appName: () => string
}): ImageBuilder {
  return new ImageBuilder({ ...options, engine: new EngineClient(options) })
}

interface Image {
  readonly Id: string
  readonly Size: number
  readonly Created: string
}

/** An image that the engine has. */
export interface BuiltImage {
  readonly tag: string
  /** The engine's own digest of it. */
  readonly id: string
  readonly bytes: number
  /** It was there: nothing was built. */
  readonly isCached: boolean
  /** What is built of the same input elsewhere, with the same base, has the same digest, unless what the build runs makes other bytes. */
  readonly isSteady: boolean
}

/** Gets a service's image ready: the one that it names, fetched when the engine does not have it, or one built from its Dockerfile. */
class ImageBuilder implements Builder {
  readonly #engine: EngineClient
  readonly #stateDir: string
  readonly #appName: () => string
  readonly #environment: Readonly<Record<string, string | undefined>>
  readonly #records: ImageRecords

  constructor(options: {
    readonly engine: EngineClient
    readonly stateDir: string
    readonly appName: () => string
    /** Says where logins of registries are. */
    readonly environment: Readonly<Record<string, string | undefined>>
  }) {
    this.#engine = options.engine
    this.#stateDir = options.stateDir
    this.#appName = options.appName
    this.#environment = options.environment
    this.#records = new ImageRecords(options.stateDir)
  }

  async build(order: BuildOrder, onOutput: (line: string) => void, signal: AbortSignal): Promise<Program> {
    const { image } = order
    const id =
      image === undefined || image === null
        ? (await this.image(order, onOutput, signal)).id
        : await this.#explained(order, signal, () => this.#fetch(order, image, onOutput, signal))
    return { command: order.command ?? [], workdir: order.workdir, environment: {}, path: [], image: id }
  }

  /** The image that is built of the service's folder. Rejects as `build` does. */
  image(order: BuildOrder, onOutput: (line: string) => void, signal: AbortSignal): Promise<BuiltImage> {
    return this.#explained(order, signal, () => this.#make(order, onOutput, signal))
  }

  async #explained<T>({ service }: BuildOrder, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof EngineError) && !signal.aborted) throw error
      const what = signal.aborted ? 'was called off' : `failed: ${(error as Error).message}`
      throw new PandoError('build_failed', `service ${service}: its image ${what}`, { cause: error })
    }
  }

  async #fetch(
    order: BuildOrder,
    image: string,
    onOutput: (line: string) => void,
    signal: AbortSignal,
  ): Promise<string> {
    const there = await this.#find(image)
    if (there !== null) return there.Id
    onOutput(`fetching ${image}`)
    const isTagged = image.includes('@') || /:[^/]*$/.test(image)
    const name = isTagged ? image : `${image}:latest`
    try {
      const { registry } = parseImageName(image.replace(/@.*/, ''))
      const headers = { 'x-registry-auth': await registryLogin(registry, this.#environment) }
      const options = { headers, signal, timeoutMs: 0 }
      // Podman asks a registry on loopback without TLS when it is told so, which only its own API can.
      const stream =
        isOnLoopback(registry) && (await this.#engine.isPodman())
          ? await this.#engine.stream('POST', '/libpod/images/pull', {
              query: { reference: name, tlsVerify: 'false' },
              ...options,
            })
          : await this.#engine.stream('POST', '/images/create', { query: { fromImage: name }, ...options })
      await outputOf(stream, onOutput, { isQuiet: true })
    } catch (error) {
      if (signal.aborted) throw error
      throw new PandoError(
        'build_failed',
        `service ${order.service}: the image ${image} is not here and cannot be fetched: ${(error as Error).message}`,
        { hint: 'correct "image", or build or load it on this machine first', cause: error },
      )
    }
    const fetched = await this.#find(image)
    if (fetched === null) throw new EngineError(404, `no image ${image} came of it`)
    return fetched.Id
  }

  /** The tag is the digest of all that goes in, so an image that is there already is the one that would be made. */
  async #make(order: BuildOrder, onOutput: (line: string) => void, signal: AbortSignal): Promise<BuiltImage> {
    const { spec, service } = order
    const folder = this.#folderOf(order)
    const context = await readContext(spec, service, folder, recipeFor(spec, service, folder))
    const tag = `${imagePrefix(this.#stateDir)}${service}:${context.digest}`
    // Before it is there: what nobody has noted is taken for old.
    this.#note(order, tag)
    const there = await this.#find(tag)
    if (there !== null) {
      return { tag, id: there.Id, bytes: there.Size, isCached: true, isSteady: isSteady(there) }
    }
    const query = {
      t: tag,
      dockerfile: context.dockerfile,
      rm: '1',
      forcerm: '1',
      labels: JSON.stringify(imageLabels(this.#appName(), service, context.digest)),
      ...(spec.args === undefined ? {} : { buildargs: JSON.stringify(spec.args) }),
      ...(spec.target === undefined ? {} : { target: spec.target }),
    }
    const body = tarOf(context.entries())
    const contentType = 'application/x-tar'
    const stream = await this.#engine.stream('POST', '/build', { query, body, contentType, signal, timeoutMs: 0 })
    const { stages } = await outputOf(stream, onOutput, { isQuiet: false })
    this.#records.noteStages(service, tag, stages)
    const made = await this.#find(tag)
    if (made === null) throw new EngineError(404, 'the engine says that it built it, and does not have it')
    return { tag, id: made.Id, bytes: made.Size, isCached: false, isSteady: false }
  }

  /**
   * As `image`, and without a time in it where Pando writes the Dockerfile. It takes as long as to write the image to the disk, so what is
   * only to be run here is left as it is. Where the engine cannot, the image stays what it was, and that is said.
   */
  async steadyImage(order: BuildOrder, onOutput: (line: string) => void, signal: AbortSignal): Promise<BuiltImage> {
    const image = await this.image(order, onOutput, signal)
    const recipe = recipeFor(order.spec, order.service, this.#folderOf(order))
    if (image.isSteady || recipe === null) return image
    try {
      const id = await makeSteady(this.#engine, { tag: image.tag, base: lastBase(recipe), signal })
      // It has no name any more, and is what the next build takes its steps from.
      const { service } = order
      this.#records.noteStages(service, image.tag, [...this.#records.stages(service, image.tag), image.id])
      return { ...image, id, isSteady: true }
    } catch (error) {
      if (signal.aborted) throw new PandoError('build_failed', `${image.tag} was called off`, { cause: error })
      onOutput(`its digest is this engine's own: ${(error as Error).message}`)
      return image
    }
  }

  #note({ service, source = null, spec }: BuildOrder, tag: string): void {
    this.#records.noteAsked(service, tag)
    if (source !== null) writeFileSync(revisionFolder(this.#stateDir, { service, source, build: spec }).image, tag)
  }

  /** The snapshot itself: the engine only reads it, so no copy is needed, and it is never used up as one that is built in is. */
  #folderOf({ service, source = null, spec }: BuildOrder): string {
    if (source === null) return spec.context
    const folder = revisionFolder(this.#stateDir, { service, source, build: spec }).source
    if (existsSync(folder)) return folder
    throw new PandoError('build_failed', `service ${service}: the snapshot of its folder is gone`, {
      hint: 'take it again with: pando up',
    })
  }

  #find(name: string): Promise<Image | null> {
    return this.#engine.ask<Image>('GET', `/images/${encodeURIComponent(name)}/json`, { absent: [404] })
  }
}

/**
 * Whose it is, for who looks at the engine's images. No revision, as several are made of one image, and nothing of this machine, so that
 * the same input has the same labels everywhere.
 */
function imageLabels(app: string, service: string, digest: string): Record<string, string> {
  return { 'pando.app-name': app, 'pando.service': service, 'pando.inputs': digest }
}
