import { PandoError, type AppSpec, type Diagnostic } from '@pando/model'
import type { Paint } from './paint.js'

// Reading a manifest needs the schema and the YAML parser: they are loaded only by the commands that read one.
const room = () => import('@pando/control-plane')

/** What was understood of a manifest, and the values that it took from the environment. */
export interface ReadManifest {
  readonly app: AppSpec
  readonly variables: Readonly<Record<string, string>>
  /** What is no mistake and yet worth a look. */
  readonly warnings: readonly Diagnostic[]
}

/** Rejects with `manifest_invalid` and every mistake in it. */
export async function readManifest(
  path: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ReadManifest> {
  const { loadManifest } = await room()
  const { app, usedVariables, warnings } = await loadManifest({ path, variables: env })
  return { app, variables: usedVariables, warnings }
}

/** Each with its place, its line and a caret below the column. */
export async function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  options: { readonly cwd: string; readonly paint: Paint },
): Promise<string> {
  const { formatDiagnostics, readSources } = await room()
  const { paint } = options
  const styles = { place: paint.bold, line: paint.dim, caret: paint.red, message: String, hint: paint.cyan }
  return formatDiagnostics(diagnostics, await readSources(diagnostics), {
    relativeTo: options.cwd,
    style: (part, text) => styles[part](text),
  })
}

interface AwaitedRoom {
  renderConfig(app: AppSpec, options: { readonly showSecrets: boolean }): string
  initManifest(folder: string): Promise<string>
}

async function awaited<K extends keyof AwaitedRoom>(name: K): Promise<AwaitedRoom[K]> {
  const found = ((await room()) as unknown as Partial<AwaitedRoom>)[name]
  if (found === undefined) throw new PandoError('unsupported', `${name} is not there yet.`)
  return found
}

export async function renderConfig(app: AppSpec, options: { readonly showSecrets: boolean }): Promise<string> {
  return (await awaited('renderConfig'))(app, options)
}

export async function initManifest(folder: string): Promise<string> {
  return (await awaited('initManifest'))(folder)
}
