import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where the control plane of this state directory listens: a path too long for a socket is replaced by the one in `control.addr`. */
export function socketPathOf(stateDir: string): string {
  const address = join(stateDir, 'control.addr')
  if (existsSync(address)) {
    const path = readFileSync(address, 'utf8').trim()
    if (path !== '') return path
  }
  return join(stateDir, 'control.sock')
}
