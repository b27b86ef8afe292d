import type { RevisionSpec } from '@pando/model'
import { systemClock } from '../clock.js'
import { Snapshots } from '../revisions/snapshots.js'
import { buildOrderOf } from './builder.js'
import { generatedIgnore } from './dockerfile/generated.js'
import { recipeFor } from './dockerfile/folder-recipe.js'
import { imageBuilderFor, type BuiltImage } from './image-builder.js'

/** The Dockerfile that is written for a service, and what it leaves out unless the folder's own .dockerignore says; null: it has its own. */
export function generatedRecipe({
  build,
  service,
}: RevisionSpec): { readonly dockerfile: string; readonly ignore: string } | null {
  const dockerfile = recipeFor(build, service, build.context)
  return dockerfile === null ? null : { dockerfile, ignore: `${generatedIgnore}\n` }
}

/** Makes the image that `pando up` would run the service in, from a snapshot as that does, so that neither builds it twice; and steady. */
export async function buildImage(
  revision: RevisionSpec,
  options: {
    readonly appName: string
    readonly stateDir: string
    readonly environment: Readonly<Record<string, string | undefined>>
    readonly onOutput: (line: string) => void
    readonly signal: AbortSignal
  },
): Promise<BuiltImage> {
  const { appName, stateDir, environment, onOutput, signal } = options
  const source = await new Snapshots({ stateDir, clock: systemClock }).take(revision.service, revision.build)
  const builder = imageBuilderFor({ stateDir, clock: systemClock, environment, appName: () => appName })
  return builder.steadyImage(buildOrderOf(revision, source), onOutput, signal)
}
