import { KeySet } from './key-set.js'
import type { KeySource } from './key-source.js'
import { WatchedFile } from './watched-file.js'

/** Keys of a file: a JSON Web Key Set, one JSON Web Key, PEM; or, when it is a `secret`, secrets that both sides have, a line each. */
export class FileKeySource implements KeySource {
  readonly #file: WatchedFile
  readonly #isSecret: boolean
  #keys: KeySet | null = null

  constructor(path: string, kind: 'file' | 'secret', onTrouble: (message: string) => void) {
    this.#isSecret = kind === 'secret'
    const read = kind === 'secret' ? readSecrets : readKeys
    this.#file = new WatchedFile(
      path,
      (bytes) => {
        const keys = read(bytes)
        if (keys.size === 0) throw new Error(['there is no key of use in it', ...keys.problems].join('; '))
        for (const problem of keys.problems) onTrouble(`${path}: ${problem}`)
        this.#keys = keys
      },
      onTrouble,
    )
  }

  get trouble(): string | null {
    return this.#keys === null ? this.#file.trouble : null
  }

  get warning(): string | null {
    // A key set may well hold keys for something else; a secret that is left out is a mistake.
    const [problem] = this.#isSecret ? (this.#keys?.problems ?? []) : []
    return this.#file.trouble ?? (problem === undefined ? null : `${this.#file.path}: ${problem}`)
  }

  current(): KeySet | null {
    return this.#keys
  }

  /** It is looked at all the time. */
  refresh(): null {
    return null
  }

  close(): void {
    this.#file.close()
  }
}

function readKeys(bytes: Buffer): KeySet {
  const keys = KeySet.ofJson(bytes) ?? KeySet.ofPem(bytes.toString('latin1'))
  if (keys === null) throw new Error('it is neither a JSON Web Key Set nor a public key in PEM')
  return keys
}

/** The last line end is an editor's and not part of the secret. */
function readSecrets(bytes: Buffer): KeySet {
  const lines = bytes
    .toString('latin1')
    .split(/\r?\n/)
    .filter((line) => line !== '')
  return KeySet.ofSecrets(lines.map((line) => Buffer.from(line, 'latin1')))
}
