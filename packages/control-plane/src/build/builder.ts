import type { BuildSpec, RevisionSpec } from '@pando/model'
import type { Program } from '../drivers/driver.js'

/** Makes a service's folder ready to run. Idempotent: what is already built for the same inputs is not built again. */
export interface Builder {
  /**
   * Resolves with what to run. Rejects with `build_failed` (its message ends with the last lines of the output), `tool_missing`
   * (names the tool and how to get it) or `unsupported`. When `signal` aborts, the build's processes are killed and it rejects.
   */
  build(order: BuildOrder, onOutput: (line: string) => void, signal: AbortSignal): Promise<Program>
}

export interface BuildOrder {
  readonly service: string
  /** Digest of the snapshot to build from; null (or absent) builds in the context itself. */
  readonly source?: string | null
  readonly spec: BuildSpec
  /** Present: it runs in a container, of the image so named, or (null) of one that is built. */
  readonly image?: string | null
  readonly workdir: string
  /** The manifest's command; null takes the kind's default. */
  readonly command: string | readonly string[] | null
}

/** What is to be built of a revision, from a snapshot or (null) from its folder as it is. */
export function buildOrderOf(
  { service, build, workdir, command, container }: RevisionSpec,
  source: string | null,
): BuildOrder {
  const image = container === undefined ? {} : { image: container.image }
  return { service, source, spec: build, workdir, command, ...image }
}
