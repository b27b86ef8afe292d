import { posix } from 'node:path'

export interface PendingFile {
  /** Absolute, here. */
  readonly source: string
  /** Absolute, inside the container. */
  readonly target: string
}

/** The control API takes no more at once; beyond, a build is the shorter way. */
export const mostFiles = 4_000

/** What rules with `sync` have seen change and what has not been put into containers yet, by service. */
export class PendingFiles {
  readonly #byService = new Map<string, Map<string, string>>()

  /** `below` is seen from `path`; it is empty for `path` itself. */
  add(service: string, rule: { readonly path: string; readonly target: string }, below: string): void {
    const files = this.#byService.get(service) ?? new Map<string, string>()
    this.#byService.set(service, files)
    if (files.size <= mostFiles) files.set(posix.join(rule.target, below), posix.join(rule.path, below))
  }

  /** All of them, once. `isWhole` is false when there were too many to be kept. */
  take(service: string): { readonly files: readonly PendingFile[]; readonly isWhole: boolean } {
    const files = [...(this.#byService.get(service) ?? [])].map(([target, source]) => ({ source, target }))
    this.#byService.delete(service)
    return { files, isWhole: files.length <= mostFiles }
  }

  /** They could not be put: the next change tries them again. What has changed since counts anyhow. */
  giveBack(service: string, files: readonly PendingFile[]): void {
    const since = this.#byService.get(service) ?? []
    const before = files.map(({ source, target }) => [target, source] as const)
    if (before.length > 0) this.#byService.set(service, new Map([...before, ...since]))
  }
}
