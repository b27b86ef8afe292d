import { readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { PandoError, type RoutingTable } from '@pando/model'
import { parseTable } from './wire-shape.js'

const delayMs = 200

/**
 * The last table on disk, so that a gateway that starts while the control plane is away serves what the one before it served. Written beside
 * and renamed, at most every 200 ms, mode 0600 (a table may hold header values that are secret).
 */
export class TableFile {
  readonly #path: string
  readonly #onError: (error: Error) => void
  #pending: RoutingTable | null = null
  #timer: NodeJS.Timeout | null = null
  #writing: Promise<void> = Promise.resolve()

  constructor(path: string, onError: (error: Error) => void) {
    this.#path = path
    this.#onError = onError
  }

  /** Null when there is none, or it is not whole. */
  read(): RoutingTable | null {
    try {
      return parseTable(readFileSync(this.#path, 'utf8'))
    } catch {
      return null
    }
  }

  save(table: RoutingTable): void {
    this.#pending = table
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      this.#writing = this.#writing.then(() => this.#write())
    }, delayMs)
  }

  /** Writes what is still to be written. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#writing
    await this.#write()
  }

  async #write(): Promise<void> {
    const table = this.#pending
    if (table === null) return
    this.#pending = null
    const beside = `${this.#path}.new`
    try {
      await writeFile(beside, JSON.stringify(table), { mode: 0o600 })
      await rename(beside, this.#path)
    } catch (error) {
      this.#onError(error as Error)
    }
  }
}

/** A table that someone wrote by hand or for a test; what is wrong with it is the user's to mend. */
export function readStaticTable(path: string): RoutingTable {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new PandoError('not_found', `the table ${path} cannot be read: ${(error as Error).message}`, {
      hint: 'give --table the path of a JSON file with a RoutingTable',
      cause: error,
    })
  }
  const table = parseTable(text)
  if (table === null) {
    throw new PandoError('manifest_invalid', `${path} holds no routing table`, {
      hint: 'it must be JSON with epoch, version, config (listeners, routes, services, limits, accessLog) and endpoints',
    })
  }
  return table
}
