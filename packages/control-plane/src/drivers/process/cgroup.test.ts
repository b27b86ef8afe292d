import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CgroupTree, hadOutOfMemory, killAtOnce, processesIn } from './cgroup.js'

/** A /proc and cgroup file systems of plain files: what is written to a control file is what it then holds. */
let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pando-cgroup-'))
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

function files(contents: Record<string, string>): void {
  for (const [path, text] of Object.entries(contents)) {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), text)
  }
}

function tree(cgroup: string, mounts: string[]): CgroupTree {
  files({ 'proc/self/cgroup': cgroup, 'proc/self/mountinfo': mounts.join('\n') })
  return new CgroupTree({ name: 'pando-x', proc: join(root, 'proc') })
}

function mount(at: string, type: 'cgroup' | 'cgroup2', options: string, shown = '/'): string {
  return `31 23 0:28 ${shown} ${root}/${at} rw,nosuid shared:9 - ${type} ${type} ${options}`
}

function text(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

/** What a version 2 host has: this process in a delegated scope below a user's slice. */
function version2(): CgroupTree {
  files({
    'fs/cgroup.controllers': 'cpu memory pids',
    'fs/user/cgroup.controllers': 'cpu memory pids',
    'fs/user/cgroup.subtree_control': 'cpu memory pids',
    'fs/user/scope/cgroup.controllers': 'cpu memory pids',
    'fs/user/scope/cgroup.subtree_control': '',
    'fs/user/scope/cgroup.procs': `${process.pid}\n`,
  })
  return tree('0::/user/scope\n', [mount('fs', 'cgroup2', 'rw')])
}

describe('CgroupTree on version 2', () => {
  it('limits memory and processors below its own group', () => {
    const { cgroups, notes } = version2().prepare('a-0', { memoryBytes: 1 << 26, cpus: 0.5 })
    const directory = join(root, 'fs/user/scope/pando-x/a-0')
    expect(notes).toEqual([])
    expect(cgroups).toEqual({ directories: [directory], tracking: directory, memory: directory })
    expect(text('fs/user/scope/pando-x/a-0/memory.max')).toBe(String(1 << 26))
    expect(text('fs/user/scope/pando-x/a-0/memory.oom.group')).toBe('1')
    expect(text('fs/user/scope/pando-x/a-0/cpu.max')).toBe('50000 100000')
  })

  it('makes a group without any limit too, to find all processes in', () => {
    const { cgroups, notes } = version2().prepare('a-0', { memoryBytes: null, cpus: null })
    expect(cgroups.tracking).toBe(join(root, 'fs/user/scope/pando-x/a-0'))
    expect(cgroups.memory).toBeNull()
    expect(notes).toEqual([])
    expect(readdirSync(cgroups.tracking ?? '')).toEqual([])
  })

  it('goes to a group above when its own does not have the controller', () => {
    const cgroups = version2()
    files({ 'fs/user/scope/cgroup.controllers': 'pids' })
    const directory = join(root, 'fs/user/pando-x/a-0')
    // One directory in all: joining a second one of the same tree would leave the first, and its limit.
    expect(cgroups.prepare('a-0', { memoryBytes: 1 << 26, cpus: 1 }).cgroups).toEqual({
      directories: [directory],
      tracking: directory,
      memory: directory,
    })
  })

  it('says what is missing where no group has the controller, and leaves the rest in force', () => {
    version2()
    for (const path of ['fs', 'fs/user', 'fs/user/scope']) files({ [`${path}/cgroup.controllers`]: 'cpu' })
    const own = tree('0::/user/scope\n', [mount('fs', 'cgroup2', 'rw')])
    const made = own.prepare('a-0', { memoryBytes: 1 << 26, cpus: 1 })
    expect(made.notes).toEqual([expect.stringMatching(/memory.*without its memory limit/)])
    expect(text('fs/user/scope/pando-x/a-0/cpu.max')).toBe('100000 100000')
  })

  it('finds its own group again from the leaf that it moved itself to', () => {
    version2()
    files({ 'fs/user/scope/pando-control/cgroup.procs': '' })
    const own = tree('0::/user/scope/pando-control\n', [mount('fs', 'cgroup2', 'rw')])
    expect(own.prepare('a-0', { memoryBytes: null, cpus: null }).cgroups.tracking).toBe(
      join(root, 'fs/user/scope/pando-x/a-0'),
    )
  })

  it('knows the groups that belong to no instance', () => {
    const own = version2()
    const kept = own.prepare('a-0', { memoryBytes: null, cpus: null }).cgroups.directories
    const stray = own.prepare('a-1', { memoryBytes: null, cpus: null }).cgroups.directories
    expect(own.strays(new Set(kept)).flatMap(({ directories }) => directories)).toEqual(stray)
  })

  it('tells a kill for want of memory', () => {
    const { cgroups } = version2().prepare('a-0', { memoryBytes: 1 << 26, cpus: null })
    const events = 'fs/user/scope/pando-x/a-0/memory.events'
    files({ [events]: 'low 0\nhigh 0\nmax 12\noom 1\noom_kill 0\n' })
    expect(hadOutOfMemory(cgroups)).toBe(false)
    files({ [events]: 'low 0\nhigh 0\nmax 12\noom 1\noom_kill 1\n' })
    expect(hadOutOfMemory(cgroups)).toBe(true)
  })

  it('kills at once where the kernel can', () => {
    const { cgroups } = version2().prepare('a-0', { memoryBytes: null, cpus: null })
    expect(killAtOnce(cgroups)).toBe(false)
    files({ 'fs/user/scope/pando-x/a-0/cgroup.kill': '', 'fs/user/scope/pando-x/a-0/cgroup.procs': '12\n13\n' })
    expect(killAtOnce(cgroups)).toBe(true)
    expect(text('fs/user/scope/pando-x/a-0/cgroup.kill')).toBe('1')
    expect(processesIn(cgroups)).toEqual([12, 13])
  })
})

describe('CgroupTree on version 1', () => {
  const own = '8:pids:/\n4:memory:/session/1\n3:cpu,cpuacct:/\n1:name=systemd:/x\n'

  function version1(): CgroupTree {
    for (const path of ['fs/pids', 'fs/memory/session/1', 'fs/cpu']) mkdirSync(join(root, path), { recursive: true })
    return tree(own, [
      mount('fs/pids', 'cgroup', 'rw,pids'),
      mount('fs/memory', 'cgroup', 'rw,memory'),
      mount('fs/cpu', 'cgroup', 'rw,cpu,cpuacct'),
      mount('fs/systemd', 'cgroup', 'rw,name=systemd'),
    ])
  }

  it('makes a group in each hierarchy that is of use', () => {
    const { cgroups, notes } = version1().prepare('a-0', { memoryBytes: 1 << 26, cpus: 2 })
    const [memory, cpu, pids] = ['memory/session/1', 'cpu', 'pids'].map((path) => join(root, 'fs', path, 'pando-x/a-0'))
    expect(notes).toEqual([])
    expect(cgroups).toEqual({ directories: [pids, memory, cpu], tracking: pids, memory })
    expect(text('fs/memory/session/1/pando-x/a-0/memory.limit_in_bytes')).toBe(String(1 << 26))
    expect(text('fs/cpu/pando-x/a-0/cpu.cfs_quota_us')).toBe('200000')
    expect(existsSync(join(root, 'fs/systemd'))).toBe(false)
  })

  it('reads the older accounts of a kill for want of memory', () => {
    const { cgroups } = version1().prepare('a-0', { memoryBytes: 1 << 26, cpus: null })
    const directory = 'fs/memory/session/1/pando-x/a-0'
    files({
      [`${directory}/memory.oom_control`]: 'oom_kill_disable 0\nunder_oom 0\n',
      [`${directory}/memory.failcnt`]: '3',
    })
    expect(hadOutOfMemory(cgroups)).toBe(true)
    files({ [`${directory}/memory.oom_control`]: 'oom_kill_disable 0\nunder_oom 0\noom_kill 0\n' })
    expect(hadOutOfMemory(cgroups)).toBe(false)
  })

  it('sees a container’s part of the tree from its own root', () => {
    mkdirSync(join(root, 'fs/memory/below'), { recursive: true })
    const inside = tree('4:memory:/docker/abc/below\n', [mount('fs/memory', 'cgroup', 'rw,memory', '/docker/abc')])
    const { memory } = inside.prepare('a-0', { memoryBytes: 1 << 26, cpus: null }).cgroups
    expect(memory).toBe(join(root, 'fs/memory/below/pando-x/a-0'))
  })
})

describe('CgroupTree without any control groups', () => {
  it('says so, only when a limit was wanted', () => {
    const none = tree('', [])
    expect(none.prepare('a-0', { memoryBytes: null, cpus: null }).notes).toEqual([])
    const { cgroups, notes } = none.prepare('a-0', { memoryBytes: 1, cpus: 1 })
    expect(cgroups).toEqual({ directories: [], tracking: null, memory: null })
    expect(notes).toHaveLength(2)
  })
})
