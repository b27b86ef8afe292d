import type { Address, DriverKind, ExitReason, LogPolicy, Resources, RevisionSpec } from '@pando/model'

/**
 * Runs instances on one substrate. The driver's own durable records are the truth of what runs: whatever happens to the control
 * plane, the next one's `list` finds every instance, and only those. Starting, stopping and forgetting are idempotent by id.
 */
export interface Driver {
  readonly kind: DriverKind

  /**
   * Starts one instance and resolves when the program has been handed to the system. If the control plane dies at any point
   * inside, a later `list` either reports the instance or nothing of it runs. Rejects with `build_failed`, `tool_missing`,
   * `port_taken` or `internal`; after a rejection nothing runs.
   */
  start(order: StartOrder): Promise<InstanceReport>

  /** Sends the spec's stop signal to all of the instance's processes (of a container: to its first). Resolves at once; the end is reported by `list` and `watch`. No error when it has ended or is unknown. */
  stop(id: string): Promise<void>

  /** SIGKILLs all of the instance's processes, whatever they have spawned. Otherwise as `stop`. */
  kill(id: string): Promise<void>

  /** Forgets an instance that has exited, and its record (not its log). No error when it is unknown. Rejects with `conflict` while it runs. */
  remove(id: string): Promise<void>

  /** Every instance that has a record, running or exited, in any order. */
  list(): Promise<InstanceReport[]>

  /** Calls back soon after an instance has ended (child: at once; adopted: within 100 ms). Returns the way to stop it. */
  watch(onExit: (report: InstanceReport) => void): () => void

  /** Lets go of watchers and timers; instances go on. */
  close(): Promise<void>
}

/** Optional ability: how much an instance uses now. */
export interface UsageReporter {
  /** Null when it does not run. */
  usage(id: string): Promise<{ readonly memoryBytes: number; readonly cpuSeconds: number } | null>
}

/** Optional ability: running a command beside an instance, in its environment and directory (health checks of kind `command`). */
export interface CommandRunner {
  /** Rejects with `timeout` when it has not ended in time (it is killed then), `not_found` when the instance does not run. */
  run(id: string, command: string | readonly string[], timeoutMs: number): Promise<CommandResult>
}

export interface CommandResult {
  readonly exitCode: number
  readonly output: string
}

/** Files to put into an instance that has a file system of its own, and paths to take away there. */
export interface FileChange {
  /** Absolute, and there: what the names in the archive begin at. */
  readonly base: string
  /** A tar; null when nothing is put. */
  readonly archive: Uint8Array | null
  /** Absolute: files, or folders with all that is in them. */
  readonly removed: readonly string[]
}

export interface StartOrder {
  readonly id: string
  readonly service: string
  readonly slot: number
  readonly revision: string
  /** Grows with `pando restart`: an instance of an older generation is replaced. */
  readonly generation: number
  readonly spec: RevisionSpec
  /** Where it shall listen; null for protocol `none`. */
  readonly address: Address | null
  /** What it ends with decides what becomes of its service, and shall be known though nobody watched. */
  readonly isExitKept?: boolean
  /** What the build says to run, and adds to the environment. */
  readonly program: Program
  /** All of the instance's environment; nothing of ours leaks in beside it. */
  readonly environment: Readonly<Record<string, string>>
}

/** What a build leaves: how to start the service. */
export interface Program {
  /** A string is run by `sh -c`, a list executed as it is; an empty list is what the image itself says. */
  readonly command: string | readonly string[]
  /** Of a container: inside it, or empty for the image's own. */
  readonly workdir: string
  /** What a container is made of, as the engine names it (its content's digest); absent for processes. */
  readonly image?: string
  /** Added to the instance's environment. */
  readonly environment: Readonly<Record<string, string>>
  /** Put before the PATH that the instance gets, for example a virtual environment's `bin`. */
  readonly path: readonly string[]
}

export interface InstanceReport {
  readonly id: string
  readonly service: string
  readonly slot: number
  readonly revision: string
  readonly generation: number
  readonly address: Address | null
  readonly pid: number | null
  /** Unix time, milliseconds. */
  readonly startedAt: number
  readonly state:
    | { readonly kind: 'running' }
    | { readonly kind: 'exited'; readonly at: number; readonly reason: ExitReason }
  readonly resources: Resources
  readonly logs: LogPolicy
  /** Absolute path of the log file being written. */
  readonly logFile: string
  /** What the host could not do for it, in words (for example that limits are not available); empty when all was done. */
  readonly notes: readonly string[]
}
