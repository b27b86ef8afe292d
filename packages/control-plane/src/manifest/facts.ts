import type { FolderFacts } from './folder.js'

/** What the file system says of one file. */
export type FileFact =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'mistake'; readonly message: string }

/** What is known of the file system, by absolute path; null: there is no such folder. */
export interface KnownFacts {
  readonly files: ReadonlyMap<string, FileFact>
  readonly folders: ReadonlyMap<string, FolderFacts | null>
}

/**
 * What the reader looks up. The reader itself never touches the disk: it reads on with what it has, and what it misses is listed,
 * fetched, and the reading begins anew.
 */
export class Facts {
  readonly missingFiles = new Set<string>()
  readonly missingFolders = new Set<string>()
  readonly #known: KnownFacts

  constructor(known: KnownFacts) {
    this.#known = known
  }

  /** Undefined: not known yet. */
  file(path: string): FileFact | undefined {
    const fact = this.#known.files.get(path)
    if (fact === undefined) this.missingFiles.add(path)
    return fact
  }

  /** Undefined: not known yet. */
  folder(path: string): FolderFacts | null | undefined {
    const fact = this.#known.folders.get(path)
    if (fact === undefined) this.missingFolders.add(path)
    return fact
  }
}
