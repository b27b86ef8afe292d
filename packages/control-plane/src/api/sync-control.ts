/** What `pando up --watch` asks for when a rule says `sync`. */
export interface SyncControl {
  /**
   * Puts the files into every container of the service that runs, and into each that is started of this revision. A source that is not
   * there is taken away inside. Rejects with `conflict` where nothing can be put, and `too_large`.
   */
  sync(service: string, files: readonly SyncedFile[]): Promise<void>
}

export interface SyncedFile {
  /** Absolute path on this machine. */
  readonly source: string
  /** Absolute path inside the container. */
  readonly target: string
}
