import { accessSync, constants, existsSync, readFileSync, statfsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { renderBytes } from '../render/duration.js'
import { ok, type Finding } from './finding.js'

const oldestNode = [20, 20] as const

export function findNode(version: string): Finding {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number)
  const isOld = major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])
  if (!isOld) return ok('node', version)
  return {
    check: 'node',
    state: 'fail',
    detail: `${version} is older than ${oldestNode.join('.')}`,
    next: 'install a newer Node from https://nodejs.org',
  }
}

export function findStateDir(stateDir: string): Finding {
  let folder = stateDir
  while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder)
  if (canWrite(folder)) return ok('state directory', existsSync(stateDir) ? stateDir : `${stateDir} (will be made)`)
  return {
    check: 'state directory',
    state: 'fail',
    detail: `${folder} cannot be written`,
    next: 'choose another with --state-dir DIR',
  }
}

/** Less than this is soon gone: it is about what one service's logs may take. */
const littleBytes = 64 * 1024 * 1024

/** Whether there is room for state and logs. `free` gives the bytes that an ordinary user may still write there (statfs(2), f_bavail). */
export function findRoom(stateDir: string, free: (folder: string) => number = freeBytes): Finding {
  let folder = stateDir
  while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder)
  const bytes = free(folder)
  const check = 'disk'
  const detail = `${renderBytes(bytes)} free for ${stateDir}`
  if (bytes >= littleBytes) return ok(check, detail)
  const next = `make room on the disk that holds ${folder}, or choose another with --state-dir DIR`
  return { check, state: bytes === 0 ? 'fail' : 'warn', detail, next }
}

function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}

/** Sources: cgroup_namespaces(7), cgroups(7): /proc/self/cgroup has `0::PATH` for version 2 and `N:memory:PATH` for version 1. */
export function findLimits(): Finding {
  const own = read('/proc/self/cgroup')
  const check = 'resource limits'
  const missing = (detail: string): Finding => ({
    check,
    state: 'info',
    detail: `${detail}; services run without memory and CPU limits`,
    next: 'only needed for "resources" in the manifest: run as root or with a delegated cgroup (systemd-run --user --scope -p Delegate=yes)',
  })
  const unified = /^0::(.*)$/m.exec(own)?.[1]
  if (unified !== undefined && existsSync('/sys/fs/cgroup/cgroup.controllers')) {
    const folder = join('/sys/fs/cgroup', unified)
    const controllers = read(join(folder, 'cgroup.controllers')).trim().split(/\s+/)
    if (!canWrite(folder)) return missing(`cgroup ${folder} cannot be written`)
    const lacking = ['memory', 'cpu'].filter((name) => !controllers.includes(name))
    return lacking.length === 0 ? ok(check, 'cgroup v2') : missing(`cgroup v2 without ${lacking.join(' and ')} here`)
  }
  const memory = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m.exec(own)?.[1]
  if (memory !== undefined && existsSync('/sys/fs/cgroup/memory')) {
    const folder = join('/sys/fs/cgroup/memory', memory)
    const found = existsSync(folder) ? folder : '/sys/fs/cgroup/memory'
    return canWrite(found) ? ok(check, 'cgroup v1') : missing(`cgroup ${found} cannot be written`)
  }
  return missing('this system offers no cgroups')
}

function canWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
