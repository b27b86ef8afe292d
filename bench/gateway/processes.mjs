import { spawn } from 'node:child_process'
import { openSync, readFileSync, readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const groups = new Set()

/** Starts a program on one core, in its own process group, its output going to a file. Rejects when it ends before `ready` does. */
export async function startPinned({ name, core, command, logFile, ready }) {
  const log = openSync(logFile, 'w')
  const child = spawn('taskset', ['-c', String(core), ...command], { detached: true, stdio: ['ignore', log, log] })
  groups.add(child.pid)
  const ended = new Promise((_resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      // Not in the list any more: we ended it, and its log may be gone with the folder.
      if (!groups.delete(child.pid)) return
      reject(new Error(`${name} ended with ${signal ?? `code ${code}`}: ${readFileSync(logFile, 'utf8').slice(-500)}`))
    })
  })
  ended.catch(() => {})
  await Promise.race([ready(), ended])
  return child.pid
}

/** Ends every process group that was started, children of children included. */
export function stopAll() {
  for (const pid of groups) {
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
  groups.clear()
}

/** Resolves when `url` answers 200; rejects after 15 s. */
export async function answers(url) {
  const deadline = Date.now() + 15_000
  for (;;) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(1_000) })
      await response.arrayBuffer()
      if (response.status === 200) return
    } catch {
      // Not yet listening.
    }
    if (Date.now() > deadline) throw new Error(`${url} did not answer 200 within 15 s`)
    await sleep(50)
  }
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

/**
 * Processor time that a process and all its descendants have used so far, in microseconds, from /proc/PID/stat (see proc(5):
 * utime and stime are the fields 14 and 15, in clock ticks of 10 ms).
 */
export function cpuTime(rootPid) {
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = readStat(name)
      return stat === null ? [] : [stat]
    })
  const family = new Set([rootPid])
  for (let before = 0; before !== family.size;) {
    before = family.size
    for (const { pid, parent } of processes) if (family.has(parent)) family.add(pid)
  }
  const total = { user: 0, system: 0 }
  for (const { pid, user, system } of processes) {
    if (!family.has(pid)) continue
    total.user += user * 10_000
    total.system += system * 10_000
  }
  return total
}

function readStat(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name (field 2) may hold anything, so fields are counted from behind its closing parenthesis.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { pid: Number(pid), parent: Number(fields[1]), user: Number(fields[11]), system: Number(fields[12]) }
  } catch {
    return null
  }
}
