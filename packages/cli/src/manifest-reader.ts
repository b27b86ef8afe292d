import type { AppSpec } from '@pando/model'

/** What was understood of a manifest, and the values that it took from the environment. */
export interface ReadManifest {
  readonly app: AppSpec
  readonly variables: Readonly<Record<string, string>>
}

interface ManifestRoom {
  loadManifest(
    path: string,
    options: { readonly variables: Readonly<Record<string, string | undefined>> },
  ): Promise<{ readonly app: AppSpec; readonly used: Iterable<string> }>
  renderConfig(app: AppSpec, options: { readonly showSecrets: boolean }): string
  initManifest(folder: string): Promise<string>
}

// Reading a manifest needs the schema and the YAML parser: they are loaded only by the commands that read one.
async function room(): Promise<ManifestRoom> {
  return (await import('@pando/control-plane')) as unknown as ManifestRoom
}

/** Rejects with `manifest_invalid` and every mistake in it. */
export async function readManifest(
  path: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ReadManifest> {
  const { app, used } = await (await room()).loadManifest(path, { variables: env })
  const variables: Record<string, string> = {}
  for (const name of used) {
    const value = env[name]
    if (value !== undefined) variables[name] = value
  }
  return { app, variables }
}

export async function renderConfig(app: AppSpec, options: { readonly showSecrets: boolean }): Promise<string> {
  return (await room()).renderConfig(app, options)
}

export async function initManifest(folder: string): Promise<string> {
  return (await room()).initManifest(folder)
}
