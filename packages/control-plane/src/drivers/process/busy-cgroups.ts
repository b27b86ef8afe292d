import { type InstanceCgroups, removeCgroups } from './cgroup.js'
import { signalAll, strayTraces } from './instance-processes.js'
import type { ProcessTable } from './process-table.js'

/** Rounds of killing what is in it, before a group is left behind (processes stuck in the kernel). */
const maxRounds = 100

/** Groups of ended instances that were still busy when they should have been removed. */
export class BusyCgroups {
  readonly #table: ProcessTable
  #busy: { readonly cgroups: InstanceCgroups; rounds: number }[] = []

  constructor(table: ProcessTable) {
    this.#table = table
  }

  get isEmpty(): boolean {
    return this.#busy.length === 0
  }

  /** Removes them, now or in one of the next looks. True when it was now. */
  release(cgroups: InstanceCgroups): boolean {
    if (removeCgroups(cgroups)) return true
    this.#busy.push({ cgroups, rounds: 0 })
    return false
  }

  /** Kills what is in them, and removes those that are free now. */
  look(): void {
    this.#busy = this.#busy.filter((busy) => {
      busy.rounds += 1
      signalAll(this.#table, strayTraces(busy.cgroups), 'SIGKILL')
      return !removeCgroups(busy.cgroups) && busy.rounds < maxRounds
    })
  }

  /** Removes those that are free now. */
  sweep(): void {
    this.#busy = this.#busy.filter(({ cgroups }) => !removeCgroups(cgroups))
  }
}
