import type { InitialManifest, RenderOptions } from '@pando/control-plane'
import type { AppSpec, Diagnostic } from '@pando/model'
import type { Paint } from './paint.js'

// Reading a manifest needs the schema and the YAML parser: they are loaded only by the commands that read one.
const manifestRoom = () => import('@pando/control-plane')

/** What was understood of a manifest, and the values that it took from the environment. */
export interface ReadManifest {
  readonly app: AppSpec
  readonly variables: Readonly<Record<string, string>>
  /** What is no mistake and yet worth a look. */
  readonly warnings: readonly Diagnostic[]
  /** Absolute paths of all files that it was read from. */
  readonly files: readonly string[]
}

/** Rejects with `manifest_invalid` and every mistake in it. */
export async function readManifest(
  path: string,
  env: Readonly<Record<string, string | undefined>>,
  profiles: readonly string[] = [],
): Promise<ReadManifest> {
  const { loadManifest } = await manifestRoom()
  const { app, usedVariables, warnings, files } = await loadManifest({ path, variables: env, profiles })
  return { app, variables: usedVariables, warnings, files }
}

/** As an app of images: of those that are named, and of all others that can be one, whatever runs them. */
export async function readImages(
  path: string,
  env: Readonly<Record<string, string | undefined>>,
  services: readonly string[],
): Promise<AppSpec> {
  const { loadManifest } = await manifestRoom()
  return (await loadManifest({ path, variables: env, images: services })).app
}

/**
 * Only what a second reading needs, for a manifest whose services join an app: what it may name is known to the app alone, which
 * checks it. Rejects with `manifest_invalid` where it cannot even be read.
 */
export async function readManifestVariables(
  path: string,
  env: Readonly<Record<string, string | undefined>>,
  neighbours: readonly string[],
): Promise<Pick<ReadManifest, 'variables' | 'warnings'>> {
  const { loadManifest } = await manifestRoom()
  const unknown = Object.fromEntries(neighbours.map((name) => [name, null]))
  const { usedVariables, warnings } = await loadManifest({ path, variables: env, neighbours: unknown })
  return { variables: usedVariables, warnings }
}

/** Each with its place, its line and a caret below the column. */
export async function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  options: { readonly cwd: string; readonly paint: Paint },
): Promise<string> {
  const { formatDiagnostics, readSources } = await manifestRoom()
  const { paint } = options
  const styles = { place: paint.bold, line: paint.dim, caret: paint.red, message: String, hint: paint.cyan }
  return formatDiagnostics(diagnostics, await readSources(diagnostics), {
    relativeTo: options.cwd,
    style: (part, text) => styles[part](text),
  })
}

/** Which files of a service's folder are no source, and how patterns are read. */
export async function sourceRooms(): Promise<
  Pick<typeof import('@pando/control-plane'), 'ignoreRules' | 'sourceRules'>
> {
  return manifestRoom()
}

/** As a manifest with every default filled in; what looks secret is left out unless asked for. */
export async function renderConfig(app: AppSpec, options: RenderOptions): Promise<string> {
  const room = await manifestRoom()
  return room.renderConfig(app, options)
}

/** The building of images, which needs the engine's client. */
export async function imageRoom(): Promise<
  Pick<typeof import('@pando/control-plane'), 'buildImage' | 'generatedRecipe' | 'imagePublisherFor' | 'parseImageName'>
> {
  return manifestRoom()
}

/** Removing old builds where no control plane runs. */
export async function stoppedUpkeep(): Promise<Pick<typeof import('@pando/control-plane'), 'pruneStopped'>> {
  return manifestRoom()
}

/** A manifest for the services in a folder. Rejects with `not_found` when there are none. */
export async function initManifest(folder: string): Promise<InitialManifest> {
  const room = await manifestRoom()
  return room.initManifest(folder)
}
