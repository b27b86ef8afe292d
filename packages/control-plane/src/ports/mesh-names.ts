import type { AppSpec } from '@pando/model'

/** Services whose names lead containers to the mesh: all but those that the engine itself finds by name. */
export function namesOfTheMesh(app: AppSpec | null): string[] {
  return Object.values(app?.services ?? {})
    .filter(({ name, revision }) => revision.container?.network?.aliases.includes(name) !== true)
    .map(({ name }) => name)
}
