import { existsSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { PandoError } from '@pando/model'
import type { Program } from '../drivers/driver.js'
import { systemProcessTable, type ProcessTable } from '../drivers/process/process-table.js'
import { buildEnvironment } from './build-environment.js'
import type { BuildKindRecipes } from './build-kind.js'
import { BuildRoom } from './build-room.js'
import type { BuildOrder, Builder } from './builder.js'
import { movedInto, readBuilt, writeBuilt } from './built.js'
import { goRecipe } from './kinds/go.js'
import { mavenRecipe } from './kinds/java-maven.js'
import { nodeRecipe } from './kinds/node.js'
import { dockerfileRecipe, plainRecipe } from './kinds/plain.js'
import { pythonRecipe } from './kinds/python.js'
import { rustRecipe } from './kinds/rust.js'
import { dependencyFolders } from '../revisions/source-rules.js'
import { revisionFolder, type RevisionFolder } from '../revisions/revision-folder.js'
import { copyTree, readTree } from '../revisions/source-tree.js'
import { linkSurroundings, placeIn } from '../revisions/surroundings.js'
import { sourceHash } from './source-hash.js'

const recipes: BuildKindRecipes = {
  python: pythonRecipe,
  node: nodeRecipe,
  go: goRecipe,
  rust: rustRecipe,
  'java-maven': mavenRecipe,
  dockerfile: dockerfileRecipe,
  none: plainRecipe,
}

/** Folders that builds commonly put their results in. */
const commonOutputs = ['bin', 'build', 'out', 'target']

export interface LocalBuilderOptions {
  /** Holds `builds/`. */
  readonly stateDir: string
  /** The environment that the control plane was started in; builds get an allow-list of it. */
  readonly hostEnvironment: Readonly<Record<string, string | undefined>>
}

/** Builds with the tools of this machine. Two builds in one folder never run at once; the second one finds most of its work done. */
export class LocalBuilder implements Builder {
  readonly #stateDir: string
  readonly #directory: string
  readonly #environment: Record<string, string>
  readonly #table: ProcessTable = systemProcessTable()
  /** By folder: when the last build that was asked for there is over. */
  readonly #turns = new Map<string, Promise<void>>()

  constructor(options: LocalBuilderOptions) {
    this.#stateDir = resolve(options.stateDir)
    this.#directory = join(this.#stateDir, 'builds')
    this.#environment = buildEnvironment(options.hostEnvironment)
  }

  async build(order: BuildOrder, onOutput: (line: string) => void, signal: AbortSignal): Promise<Program> {
    const { context } = order.spec
    const { source = null } = order
    if (source !== null) {
      // Copies stand beside each other; what a service's builds share is in use by one at a time.
      return this.#inTurn(order.service, signal, () => this.#buildSnapshot(order, source, onOutput, signal))
    }
    if (!existsSync(context)) {
      throw new PandoError('build_failed', `service ${order.service}: its folder ${context} does not exist`, {
        hint: 'correct "build" in the manifest',
      })
    }
    return this.#inTurn(realpathSync(context), signal, () => this.#build(order, onOutput, signal))
  }

  /** Builds in a copy of the snapshot, and writes down last what to run: what was cut short is begun anew. */
  async #buildSnapshot(
    order: BuildOrder,
    source: string,
    onOutput: (line: string) => void,
    signal: AbortSignal,
  ): Promise<Program> {
    const { service, spec } = order
    const folder = revisionFolder(this.#stateDir, { service, source, build: spec })
    const built = readBuilt(folder)
    const place = built?.place ?? placeIn(folder.tree, spec.context, dirname(this.#stateDir))
    const workdir = movedInto(order.workdir, spec.context, place)
    if (built?.program.command !== undefined && (order.command ?? built.program.command) !== null) {
      return { ...built.program, command: order.command ?? built.program.command ?? '', workdir }
    }
    if (built === null) await this.#copy(order, folder, place)
    const snapshot = { output: folder.path, origin: spec.context }
    const program = await this.#build(
      { ...order, workdir, spec: { ...spec, context: place } },
      onOutput,
      signal,
      snapshot,
    )
    const { environment, path } = program
    // A command of the manifest is of the revision; this is of all that are built from the same.
    writeBuilt(folder, {
      place,
      program: { command: order.command === null ? program.command : null, environment, path },
    })
    rmSync(folder.source, { recursive: true, force: true })
    return program
  }

  async #copy({ service, spec }: BuildOrder, folder: RevisionFolder, place: string): Promise<void> {
    if (!existsSync(folder.source)) {
      throw new PandoError('build_failed', `service ${service}: the snapshot of its folder is gone`, {
        hint: 'take it again with: pando up',
      })
    }
    rmSync(folder.tree, { recursive: true, force: true })
    const { entries } = await readTree({ folder: folder.source, rules: () => false, now: 0 })
    await copyTree(folder.source, place, entries)
    await linkSurroundings(folder.tree, spec.context, dirname(this.#stateDir))
    if (spec.command !== null || (spec.kind !== 'none' && spec.kind !== 'python')) return
    for (const name of dependencyFolders) {
      const live = join(spec.context, name)
      if (existsSync(live) && !existsSync(join(place, name))) symlinkSync(live, join(place, name))
    }
  }

  async #build(
    order: BuildOrder,
    onOutput: (line: string) => void,
    signal: AbortSignal,
    snapshot?: { readonly output: string; readonly origin: string },
  ): Promise<Program> {
    const room = new BuildRoom({
      order,
      ...(snapshot === undefined ? {} : { snapshot }),
      directory: join(this.#directory, order.service),
      environment: this.#environment,
      onOutput,
      signal,
      table: this.#table,
    })
    const { spec } = order
    const isOwn = spec.command !== null
    // An image's recipe says nothing about processes, but with commands of their own neither is it needed.
    const recipe = recipes[spec.kind === 'dockerfile' && isOwn ? 'none' : spec.kind](room)
    if (spec.command === null) await recipe.prepare(room)
    else await runOwnCommand(room, spec.command)
    const made = await recipe.describe(room)
    return {
      command: order.command ?? made.command(),
      workdir: order.workdir,
      environment: made.environment,
      path: made.path,
    }
  }

  async #inTurn<T>(folder: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(folder) ?? Promise.resolve()
    const result = before.then(() => {
      if (signal.aborted) throw new PandoError('build_failed', 'the build was called off')
      return work()
    })
    const turn = result.then(nothing, nothing)
    this.#turns.set(folder, turn)
    try {
      return await result
    } finally {
      if (this.#turns.get(folder) === turn) this.#turns.delete(folder)
    }
  }
}

/** How a build ended is its caller's business, not that of the one that waits behind it. */
function nothing(): void {}

/** The manifest's own build command: run again when a source or the command has changed, or what it made is gone. */
async function runOwnCommand(room: BuildRoom, command: string): Promise<void> {
  const { context } = room.order.spec
  const key = async (): Promise<string> => `${command}\n${await sourceHash(context, commonOutputs)}`
  const [before, ...entries] = (room.readStamp('command') ?? '').split('\0')
  if (before === (await key()) && entries.every((entry) => room.has(entry))) return
  await room.run('its build command', command)
  room.writeStamp('command', [await key(), ...readdirSync(context)].join('\0'))
}
