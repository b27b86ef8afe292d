import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Program } from '../driver.js'
import { shell } from './launcher.js'

/**
 * Runs the program and writes what it ended with, beside and then renamed, whether or not anybody watches. The signals that stop
 * a run go to all of its processes: this one waits for the program.
 *
 * A process that the shell has forked takes signals as the shell does, and forgets them, until it has become another program. So the program begins as a
 * new shell, which says that it has begun: from then on a signal ends it, or what it has become.
 */
const script = `trap : HUP INT QUIT TERM USR1 USR2
__pando_file=$1
shift
/bin/sh -c '{ true > "$0"; } 2>/dev/null; exec "$@"' "$__pando_file.begun" "$@"
__pando_code=$?
{ echo $__pando_code > "$__pando_file.new" && mv "$__pando_file.new" "$__pando_file"; } 2>/dev/null
exit $__pando_code`

/** Exit codes of runs that outlive their parent: the system tells only that what they ended with. */
export class ExitCodes {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** The program, so that its exit code is kept. */
  kept(id: string, program: Program): Program {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    const command = typeof program.command === 'string' ? shell(program.command) : program.command
    return { ...program, command: ['/bin/sh', '-c', script, 'pando', join(this.#folder, id), ...command] }
  }

  /** The program gets the signals that are sent to it; before, one may be lost. */
  hasBegun(id: string): boolean {
    return existsSync(join(this.#folder, `${id}.begun`))
  }

  /** Null when it did not come to write one. */
  read(id: string): number | null {
    try {
      const code = Number.parseInt(readFileSync(join(this.#folder, id), 'utf8'), 10)
      return Number.isNaN(code) ? null : code
    } catch {
      return null
    }
  }

  forget(id: string): void {
    for (const name of [id, `${id}.begun`]) rmSync(join(this.#folder, name), { force: true })
  }
}
