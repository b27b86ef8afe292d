/** What `pando up --watch` does when something below a path changes, in Compose's words. No part of the revision. */
export interface WatchRule {
  /**
   * `rebuild`: the service is deployed anew from its folder. `restart`: its instances are replaced as they are. `sync`: what has changed is
   * put into its containers; `sync+restart`: and they are replaced, each by one that has it too.
   */
  readonly action: 'rebuild' | 'restart' | 'sync' | 'sync+restart'
  /** Absolute: a folder with all below it, or one file. */
  readonly path: string
  /** Of `sync`: where `path` is inside the container, absolute. */
  readonly target?: string
  /** Seen from `path`, in the words of a .gitignore: changes of these are none. */
  readonly ignore: readonly string[]
  /** Seen from `path`; unless empty, only changes of these count. */
  readonly include: readonly string[]
}
