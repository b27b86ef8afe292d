import type { ContainerExtras } from './container-extras.js'
import type { ContainerNetworking } from './container-network.js'
import type { RevisionSpec } from './service.js'

/** What instances run on. */
export type DriverKind = 'process' | 'container'

/** A place of the host or of the engine that a container sees at `target`, an absolute path inside. */
export type ContainerMount =
  | {
      readonly kind: 'bind'
      readonly source: string
      readonly target: string
      readonly isReadOnly: boolean
      /** A folder that is not there is made. */ readonly isMade?: boolean
    }
  /** `source` is the volume's name in the manifest; empty for one that lives only as long as the container. */
  | { readonly kind: 'volume'; readonly source: string; readonly target: string; readonly isReadOnly: boolean }
  /** Memory; `sizeBytes` null leaves the limit to the engine. */
  | { readonly kind: 'tmpfs'; readonly target: string; readonly sizeBytes: number | null }

/** A file that a container finds at `target` (absolute), readable by every user inside and writable by none. */
export interface ContainerSecret {
  readonly name: string
  /** Absolute path on this machine. */
  readonly file: string
  readonly target: string
}

/** What a container may do; each is as strict as it can be unless the manifest says otherwise. */
export interface ContainerSecurity {
  readonly isRootReadOnly: boolean
  /** Given back after all were taken, for example `NET_BIND_SERVICE`. */
  readonly capAdd: readonly string[]
  /** Null takes the image's. */
  readonly user: string | null
  /** Processes and threads; 0 means no limit. */
  readonly pidsLimit: number
  /** Present: what is not said is as the engine has it (its usual capabilities, new privileges), and not as strict as it can be. */
  readonly isEngineDefault?: boolean
  /** Of weight next to the engine's defaults: true keeps a program from privileges that it did not start with. */
  readonly hasNoNewPrivileges?: boolean
}

/** What only a container has. */
export interface ContainerSpec {
  /** Null: it is built from the service's folder. */
  readonly image: string | null
  readonly mounts: readonly ContainerMount[]
  readonly secrets: readonly ContainerSecret[]
  readonly security: ContainerSecurity
  /** Absent: it is found through the mesh alone. */
  readonly network?: ContainerNetworking
  /** Absent: nothing of it is said. */
  readonly extras?: ContainerExtras
}

/** Which driver runs it. */
export function driverOf(spec: Pick<RevisionSpec, 'container'>): DriverKind {
  return spec.container === undefined ? 'process' : 'container'
}
