import type { StartOrder } from '../driver.js'
import type { ContainerDetails } from './engine-types.js'

/** Says which limits the engine has left out, as a rootless one does without saying so where control groups are not the user's. */
export function missingLimits(details: ContainerDetails, { spec }: StartOrder): string[] {
  const { Memory = 0, NanoCpus = 0, PidsLimit = 0 } = details.HostConfig
  const wanted: [name: string, wanted: number | null | undefined, is: number | null][] = [
    ['memory', spec.resources.memoryBytes, Memory],
    ['processors', spec.resources.cpus, NanoCpus],
    ['processes', spec.container?.security.pidsLimit, PidsLimit],
  ]
  const missing = wanted.filter(([, limit, is]) => (limit ?? 0) > 0 && (is ?? 0) <= 0).map(([name]) => name)
  return missing.length === 0 ? [] : [`the container engine sets no limit of ${missing.join(', ')}`]
}
