import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { PandoError, type ContainerSecret } from '@pando/model'
import type { SecretFile } from './container-settings.js'
import type { InstanceFacts } from './instance-facts.js'

/** What is known of an instance while the engine cannot be asked. */
export interface InstanceMemo {
  readonly facts: InstanceFacts
  readonly container: string
  readonly pid: number | null
  readonly notes: readonly string[]
}

/**
 * `<directory>/<id>/` holds what an instance needs of this machine's disk: copies of its secrets, how far its log goes, and a memo for
 * when the engine is away. The record itself is the container's labels: what is here without a container is left over.
 */
export class InstanceFiles {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  /** True when containers have been started from this state directory and not all are forgotten. */
  get isUsed(): boolean {
    return existsSync(this.#directory) && readdirSync(this.#directory).length > 0
  }

  ids(): string[] {
    return existsSync(this.#directory) ? readdirSync(this.#directory) : []
  }

  create(id: string): void {
    mkdirSync(join(this.#directory, id), { recursive: true, mode: 0o700 })
  }

  positionFile(id: string): string {
    return join(this.#directory, id, 'log-position.json')
  }

  /** Copies, so that any user inside can read them and a change of the original reaches no running instance. */
  copySecrets(id: string, service: string, secrets: readonly ContainerSecret[]): SecretFile[] {
    return secrets.map(({ name, file, target }, index) => {
      const path = join(this.#directory, id, `secret-${index}`)
      try {
        copyFileSync(file, path)
        chmodSync(path, 0o444)
      } catch (error) {
        throw new PandoError('build_failed', `service ${service}: the secret ${name} cannot be read from ${file}`, {
          hint: 'make the file, or correct "secrets" in the manifest',
          cause: error,
        })
      }
      return { path, target }
    })
  }

  writeMemo(memo: InstanceMemo): void {
    const file = join(this.#directory, memo.facts.id, 'memo.json')
    writeFileSync(`${file}.new`, JSON.stringify(memo), { mode: 0o600 })
    renameSync(`${file}.new`, file)
  }

  memos(): InstanceMemo[] {
    return this.ids().flatMap((id) => {
      try {
        return [JSON.parse(readFileSync(join(this.#directory, id, 'memo.json'), 'utf8')) as InstanceMemo]
      } catch {
        return []
      }
    })
  }

  remove(id: string): void {
    rmSync(join(this.#directory, id), { recursive: true, force: true })
  }
}
