import { spawn } from 'node:child_process'
import { openSync, readFileSync, readdirSync } from 'node:fs'
import { connect, createServer } from 'node:net'
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

/** Ends the process groups with these leaders, children of children included. */
export function stop(pids) {
  for (const pid of pids) {
    groups.delete(pid)
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
}

export function stopAll() {
  stop([...groups])
}

/** Resolves when `url` answers 200; rejects after 15 s. */
export function answers(url) {
  return until(`${url} did not answer 200`, async () => {
    const response = await fetch(url, { signal: AbortSignal.timeout(1_000) })
    await response.arrayBuffer()
    return response.status === 200
  })
}

/** Resolves when `port` takes connections; rejects after 15 s. */
export function accepts(port) {
  const connects = (done, reject) => {
    const socket = connect({ host: '127.0.0.1', port }, () => done(true))
    socket.once('connect', () => socket.destroy()).once('error', reject)
  }
  return until(`port ${port} took no connection`, () => new Promise(connects))
}

/** Resolves when `holds` does with true; rejects with `trouble` after 15 s. */
export async function until(trouble, holds) {
  const deadline = Date.now() + 15_000
  while (!(await holds().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`${trouble} within 15 s`)
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
  const total = { user: 0, system: 0 }
  for (const { user, system } of family(rootPid)) {
    total.user += user * 10_000
    total.system += system * 10_000
  }
  return total
}

/** Bytes of resident memory of a process and all its descendants. */
export function residentBytes(rootPid) {
  return family(rootPid).reduce((sum, { pid }) => {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return sum + Number(/VmRSS:\s+(\d+) kB/.exec(status)[1]) * 1_024
  }, 0)
}

function family(rootPid) {
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = readStat(name)
      return stat === null ? [] : [stat]
    })
  const pids = new Set([rootPid])
  for (let before = 0; before !== pids.size;) {
    before = pids.size
    for (const { pid, parent } of processes) if (pids.has(parent)) pids.add(pid)
  }
  return processes.filter(({ pid }) => pids.has(pid))
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
