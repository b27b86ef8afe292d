import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** One mounted cgroup tree. */
export interface Hierarchy {
  readonly version: 1 | 2
  readonly mount: string
  readonly controllers: readonly string[]
  /** Directories below which groups may be made, best first: the one this process lives in, then (v2) the ones above. */
  readonly candidates: readonly string[]
  /** Of use to find an instance's processes. */
  readonly isTracking: boolean
}

/**
 * Which cgroup trees there are and where in them this process lives (cgroups(7), proc_pid_mountinfo(5)). The v2 tree comes first: its
 * groups can be killed at once. On hosts that have both, it may have no controllers, and the limits come from v1.
 */
export function findHierarchies(proc: string, ownLeaf: string): Hierarchy[] {
  const own = ownPaths(read(`${proc}/self/cgroup`))
  const hierarchies: Hierarchy[] = []
  for (const line of read(`${proc}/self/mountinfo`).split('\n')) {
    const [before, after] = line.split(' - ')
    const [, , , root, mountField] = (before ?? '').split(' ')
    const [type, , superOptions] = (after ?? '').split(' ')
    if (root === undefined || mountField === undefined) continue
    const mount = mountField.replace(/\\(\d{3})/g, (_, digits: string) =>
      String.fromCharCode(Number.parseInt(digits, 8)),
    )
    if (type === 'cgroup2') {
      const directory = directoryOf(mount, root, own.get('') ?? '/', ownLeaf)
      const controllers = read(join(mount, 'cgroup.controllers')).split(/\s+/).filter(Boolean)
      hierarchies.unshift({ version: 2, mount, controllers, candidates: upwards(directory, mount), isTracking: true })
    } else if (type === 'cgroup') {
      const options = (superOptions ?? '').split(',')
      const controllers = options.filter((option) => ['memory', 'cpu', 'pids'].includes(option))
      const path = controllers.map((controller) => own.get(controller)).find((found) => found !== undefined)
      if (path === undefined) continue
      const directory = directoryOf(mount, root, path, ownLeaf)
      hierarchies.push({
        version: 1,
        mount,
        controllers,
        candidates: [directory],
        isTracking: controllers.includes('pids'),
      })
    }
  }
  return hierarchies
}

/** By controller; the v2 path has the empty name. */
function ownPaths(text: string): Map<string, string> {
  const paths = new Map<string, string>()
  for (const line of text.split('\n')) {
    const match = /^\d+:([^:]*):(.*)$/.exec(line)
    if (match === null) continue
    for (const controller of (match[1] ?? '').split(',')) paths.set(controller, match[2] ?? '/')
  }
  return paths
}

/** A mount may show only a part of the tree, from `root` down; a path outside of that part is shown as the part's own root. */
function directoryOf(mount: string, root: string, path: string, ownLeaf: string): string {
  const isInside = path === root || path.startsWith(root === '/' ? '/' : `${root}/`)
  const below = isInside && !path.includes('/..') ? path.slice(root === '/' ? 0 : root.length) : ''
  const directory = join(mount, below)
  const trimmed = directory.endsWith('/') && directory !== '/' ? directory.slice(0, -1) : directory
  return trimmed.endsWith(`/${ownLeaf}`) ? dirname(trimmed) : trimmed
}

function upwards(directory: string, mount: string): string[] {
  const directories = [directory]
  while (directories[directories.length - 1] !== mount && directories.length < 32) {
    directories.push(dirname(directories[directories.length - 1] ?? mount))
  }
  return directories
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
