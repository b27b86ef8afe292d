import { readdirSync, readFileSync } from 'node:fs'

/** Pids of living processes (no zombies) whose environment or command line holds `text`. Linux only, as the tests that use it. */
export function processesWith(text: string): number[] {
  const found: number[] = []
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'latin1')
      if (stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z')) continue
      const command = readFileSync(`/proc/${entry}/cmdline`, 'latin1')
      const environment = readFileSync(`/proc/${entry}/environ`, 'latin1')
      if (command.includes(text) || environment.includes(text)) found.push(Number(entry))
    } catch {
      // It ended while we looked, or belongs to somebody else.
    }
  }
  return found
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return !stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z')
  } catch {
    return false
  }
}
