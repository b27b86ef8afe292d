import { readFileSync } from 'node:fs'

/** True while a process of that id runs, whoever owns it. One that has ended and waits for its parent to notice does not run. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return !isZombie(pid)
}

/** SIGKILLs an instance with all that is in its process group. No error when it has ended. */
export function killGroup(pid: number): void {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, 'SIGKILL')
    } catch {
      // Ended already, or never was a group's leader.
    }
  }
}

/** Source: proc(5), /proc/PID/stat: the state follows the name, which may itself hold parentheses. Only Linux can tell. */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) === 'Z'
  } catch {
    return false
  }
}
