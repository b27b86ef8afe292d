import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Resources } from '@pando/model'
import { findHierarchies, type Hierarchy } from './cgroup-hierarchies.js'

/** The control groups that an instance has. Part of its durable record, so that any later control plane finds them again. */
export interface InstanceCgroups {
  /** Every directory made for it; the process joins them all. */
  readonly directories: readonly string[]
  /** The one that is read to find all its processes; null when there is none. */
  readonly tracking: string | null
  /** The one that limits its memory; null when none does. */
  readonly memory: string | null
}

export const noCgroups: InstanceCgroups = { directories: [], tracking: null, memory: null }

/** Where a control plane that lives in a cgroup of its own moves, since a v2 group with processes cannot hand on controllers. */
const ownLeaf = 'pando-control'
const cpuPeriodUs = 100_000

/**
 * Makes control groups below the one that this process lives in: `<own>/<name>/<instance>`, in every hierarchy that is of use.
 *
 * Every instance gets one where the host lets us, also without a limit: it is the only way to find all that an instance has
 * spawned, whatever session it put itself in, and so to keep the promise that a kill leaves nothing.
 */
export class CgroupTree {
  readonly #name: string
  readonly #hierarchies: readonly Hierarchy[]
  /** Base directories that were found usable, by hierarchy and controllers. */
  readonly #bases = new Map<string, string | null>()

  /** `proc` is where to read which hierarchies there are; another one than /proc only in tests. */
  constructor(options: { readonly name: string; readonly proc?: string }) {
    this.#name = options.name
    this.#hierarchies = findHierarchies(options.proc ?? '/proc', ownLeaf)
  }

  /** Makes groups of that name, which must be new, and sets the limits. Never throws: what the host does not allow is said in `notes`. */
  prepare(name: string, resources: Resources): { cgroups: InstanceCgroups; notes: string[] } {
    const wanted = wishes(resources)
    const met = new Map<Controller, string>()
    const directories = new Set<string>()
    let tracking: string | null = null
    for (const hierarchy of this.#hierarchies) {
      const open = wanted.filter(({ controller }) => !met.has(controller) && hierarchy.controllers.includes(controller))
      const isToTrack = tracking === null && hierarchy.isTracking
      if (open.length === 0 && !isToTrack) continue
      const made = this.#make(
        hierarchy,
        name,
        open.map(({ controller }) => controller),
        isToTrack,
      )
      if (made === null) continue
      directories.add(made.directory)
      if (isToTrack) tracking = made.directory
      for (const { controller, limit } of open) {
        if (made.controllers.includes(controller) && attempt(() => limit(made.directory, hierarchy.version))) {
          met.set(controller, made.directory)
        }
      }
    }
    const notes = wanted.filter(({ controller }) => !met.has(controller)).map(({ controller }) => this.#why(controller))
    tracking ??= [...directories][0] ?? null
    return { cgroups: { directories: [...directories], tracking, memory: met.get('memory') ?? null }, notes }
  }

  /** Groups below ours that are none of `known`: left by a control plane that died between two file operations. */
  strays(known: ReadonlySet<string>): InstanceCgroups[] {
    const strays: InstanceCgroups[] = []
    for (const hierarchy of this.#hierarchies) {
      for (const candidate of hierarchy.candidates) {
        for (const name of childGroups(join(candidate, this.#name))) {
          const directory = join(candidate, this.#name, name)
          if (!known.has(directory)) strays.push({ directories: [directory], tracking: directory, memory: null })
        }
      }
    }
    return strays
  }

  /** Takes its own directories away again where nothing is left in them. */
  close(): void {
    for (const hierarchy of this.#hierarchies) {
      for (const candidate of hierarchy.candidates) attempt(() => rmdirSync(join(candidate, this.#name)))
    }
    this.#bases.clear()
  }

  /**
   * One directory with as many of these controllers as some candidate can give. In one hierarchy a process is in exactly one group,
   * so they must all come from the same.
   */
  #make(
    hierarchy: Hierarchy,
    name: string,
    controllers: readonly Controller[],
    isToTrack: boolean,
  ): { directory: string; controllers: readonly Controller[] } | null {
    const each = controllers.map((controller) => [controller])
    const choices = [controllers, ...(controllers.length > 1 ? each : []), ...(isToTrack ? [[]] : [])]
    for (const choice of choices) {
      const base = this.#baseFor(hierarchy, choice)
      if (base !== null && makeDirectory(join(base, name))) return { directory: join(base, name), controllers: choice }
    }
    return null
  }

  #baseFor(hierarchy: Hierarchy, controllers: readonly Controller[]): string | null {
    const key = [hierarchy.mount, ...controllers].join(' ')
    const known = this.#bases.get(key)
    if (known !== undefined) return known
    const bases = hierarchy.candidates.map((own) => () => this.#base(hierarchy, own, controllers))
    let base: string | null = null
    for (const make of bases) if (base === null) base = make()
    this.#bases.set(key, base)
    return base
  }

  /** `<own>/<name>` with the controllers handed down to its children, or null. */
  #base(hierarchy: Hierarchy, own: string, controllers: readonly Controller[]): string | null {
    const base = join(own, this.#name)
    if (hierarchy.version === 2) {
      const there = words(join(own, 'cgroup.controllers'))
      if (!controllers.every((controller) => there.includes(controller))) return null
      if (!handDown(own, controllers) && !(vacate(own) && handDown(own, controllers))) return null
    }
    if (!makeDirectory(base)) return null
    return hierarchy.version === 1 || handDown(base, controllers) ? base : null
  }

  #why(controller: Controller): string {
    const hierarchy = this.#hierarchies.find((candidate) => candidate.controllers.includes(controller))
    const outcome = `it runs without its ${controller === 'cpu' ? 'CPU' : 'memory'} limit`
    if (hierarchy === undefined) return `this host has no control group for ${controller}: ${outcome}`
    const where = hierarchy.candidates[0] ?? hierarchy.mount
    return `no control group with ${controller} may be made below ${where} (it takes root, or a group of one's own, for example systemd-run --user --scope -p Delegate=yes): ${outcome}`
  }
}

type Controller = 'memory' | 'cpu'

interface Wish {
  readonly controller: Controller
  readonly limit: (directory: string, version: 1 | 2) => void
}

function wishes({ memoryBytes, cpus }: Resources): Wish[] {
  const wanted: Wish[] = []
  if (memoryBytes !== null) {
    wanted.push({ controller: 'memory', limit: (directory, version) => limitMemory(directory, version, memoryBytes) })
  }
  if (cpus !== null) {
    wanted.push({ controller: 'cpu', limit: (directory, version) => limitCpu(directory, version, cpus) })
  }
  return wanted
}

/** Every process in the instance's groups. */
export function processesIn(cgroups: InstanceCgroups): number[] {
  const pids = new Set<number>()
  for (const directory of cgroups.directories) {
    for (const pid of processesInDirectory(directory)) pids.add(pid)
  }
  return [...pids]
}

/** Those that this pid namespace has no number for, and are shown as 0, are none that we have started. */
function processesInDirectory(directory: string): number[] {
  return words(join(directory, 'cgroup.procs'))
    .map(Number)
    .filter((pid) => pid > 1)
}

/** Whether a running process has joined all of its groups; `notes` say what it misses if not. */
export function membership(cgroups: InstanceCgroups, pid: number): { isConfined: boolean; notes: string[] } {
  const missed = cgroups.directories.filter((directory) => !processesInDirectory(directory).includes(pid))
  return {
    isConfined: cgroups.tracking !== null && !missed.includes(cgroups.tracking),
    notes: missed.map(
      (directory) => `it could not join the control group ${directory}, whose limits do not hold for it`,
    ),
  }
}

/** cgroup.kill (Linux 5.14) takes everything at once, also what is just being forked. False where there is none. */
export function killAtOnce(cgroups: InstanceCgroups): boolean {
  const file = cgroups.tracking === null ? null : join(cgroups.tracking, 'cgroup.kill')
  if (file === null || !existsSync(file)) return false
  return attempt(() => appendFileSync(file, '1'))
}

/** Whether the kernel killed something in it for want of memory. */
export function hadOutOfMemory(cgroups: InstanceCgroups): boolean {
  if (cgroups.memory === null) return false
  for (const file of ['memory.events', 'memory.oom_control']) {
    const match = /^oom_kill (\d+)$/m.exec(read(join(cgroups.memory, file)))
    if (match !== null) return Number(match[1]) > 0
  }
  // Kernels before 4.13 count only how often the limit was hit.
  return Number(read(join(cgroups.memory, 'memory.failcnt'))) > 0
}

/** As `tree.prepare`; with null the host has no groups, and what cannot be limited is said. */
export function prepareCgroups(
  tree: CgroupTree | null,
  name: string,
  resources: Resources,
): { readonly cgroups: InstanceCgroups; readonly notes: readonly string[] } {
  if (tree !== null) return tree.prepare(name, resources)
  const isLimited = resources.memoryBytes !== null || resources.cpus !== null
  const notes = isLimited ? ['this host has no control groups: it runs without its limits'] : []
  return { cgroups: noCgroups, notes }
}

/** True when none is left. A group is busy for a moment after its last process has ended. */
export function removeCgroups(cgroups: InstanceCgroups): boolean {
  let isGone = true
  for (const directory of cgroups.directories) {
    try {
      rmdirSync(directory)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') isGone = false
    }
  }
  return isGone
}

function limitMemory(directory: string, version: 1 | 2, bytes: number): void {
  if (version === 2) {
    writeFileSync(join(directory, 'memory.max'), String(bytes))
    // An instance that had one of its processes taken away is not the program that was started: all of it goes.
    attempt(() => writeFileSync(join(directory, 'memory.oom.group'), '1'))
    // Not there without swap accounting; the limit itself holds all the same.
    attempt(() => writeFileSync(join(directory, 'memory.swap.max'), '0'))
    return
  }
  writeFileSync(join(directory, 'memory.limit_in_bytes'), String(bytes))
  attempt(() => writeFileSync(join(directory, 'memory.memsw.limit_in_bytes'), String(bytes)))
}

function limitCpu(directory: string, version: 1 | 2, cpus: number): void {
  const quotaUs = Math.max(1000, Math.round(cpus * cpuPeriodUs))
  if (version === 2) {
    writeFileSync(join(directory, 'cpu.max'), `${quotaUs} ${cpuPeriodUs}`)
    return
  }
  writeFileSync(join(directory, 'cpu.cfs_period_us'), String(cpuPeriodUs))
  writeFileSync(join(directory, 'cpu.cfs_quota_us'), String(quotaUs))
}

function handDown(directory: string, controllers: readonly Controller[]): boolean {
  const file = join(directory, 'cgroup.subtree_control')
  const there = words(file)
  const missing = controllers.filter((controller) => !there.includes(controller))
  if (missing.length === 0) return true
  return attempt(() => writeFileSync(file, missing.map((controller) => `+${controller}`).join(' ')))
}

/**
 * Moves this process into a leaf of its own group when it is alone there (a systemd service with `Delegate=yes`): a v2 group that
 * has processes may not hand controllers down. A group that holds others' processes is left as it is.
 */
function vacate(own: string): boolean {
  const pids = words(join(own, 'cgroup.procs'))
  if (pids.length !== 1 || pids[0] !== String(process.pid)) return false
  const leaf = join(own, ownLeaf)
  if (!makeDirectory(leaf)) return false
  return attempt(() => writeFileSync(join(leaf, 'cgroup.procs'), String(process.pid)))
}

function childGroups(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
  } catch {
    return []
  }
}

function makeDirectory(directory: string): boolean {
  if (!existsSync(dirname(directory))) return false
  try {
    mkdirSync(directory)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EEXIST'
  }
}

/** False when the kernel or our rights do not allow it. */
function attempt(write: () => void): boolean {
  try {
    write()
    return true
  } catch {
    return false
  }
}

function words(file: string): string[] {
  return read(file).split(/\s+/).filter(Boolean)
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
