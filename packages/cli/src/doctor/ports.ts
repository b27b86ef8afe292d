import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Address } from '@pando/model'
import { renderAddress } from '../render/service-table.js'
import { ok, type Finding } from './finding.js'

export interface PortWish {
  readonly check: string
  readonly address: Address
  /** Where the port is set in the manifest, for example `gateway.port`. */
  readonly setting: string
}

/** The processes of this very app, which may well hold its ports. */
export interface OwnProcesses {
  has(pid: number): boolean
  readonly isRunning: boolean
}

export async function findPort(wish: PortWish, own: OwnProcesses): Promise<Finding> {
  const where = renderAddress(wish.address)
  const error = await tryListen(wish.address)
  if (error === null) return ok(wish.check, `${where} is free`)
  if (error === 'EADDRINUSE') {
    const holder = holderOf(wish.address.port)
    if (holder !== null && own.has(holder.pid))
      return ok(wish.check, `${where} is held by this app (pid ${holder.pid})`)
    // Whose process it is cannot always be seen; while this app runs, it is most likely its own.
    if (holder === null && own.isRunning) return ok(wish.check, `${where} is in use while this app runs`)
    const who = holder === null ? 'another process' : `${holder.command} (pid ${holder.pid})`
    return {
      check: wish.check,
      state: 'fail',
      detail: `${where} is held by ${who}`,
      next: `stop that, or set ${wish.setting} in the manifest to another port`,
    }
  }
  return {
    check: wish.check,
    state: 'fail',
    detail: `${where} cannot be opened: ${error}`,
    next:
      error === 'EACCES'
        ? `ports below 1024 need privileges: set ${wish.setting} to a higher one`
        : `change ${wish.setting}`,
  }
}

/** Null when it can be listened on; otherwise the system's code. */
function tryListen({ host, port }: Address): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)))
  })
}

export interface Holder {
  readonly pid: number
  readonly command: string
}

/** The process that listens on a TCP port, as far as /proc lets us see (proc(5): net/tcp lists inodes, fd/ links them). Linux only. */
export function holderOf(port: number): Holder | null {
  const inodes = new Set<string>()
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readLines(table).slice(1)) {
      const fields = line.trim().split(/\s+/)
      const isListening = fields[3] === '0A'
      if (isListening && Number.parseInt(fields[1]?.split(':')[1] ?? '', 16) === port)
        inodes.add(`socket:[${fields[9]}]`)
    }
  }
  if (inodes.size === 0) return null
  for (const entry of names('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    for (const descriptor of names(`/proc/${entry}/fd`)) {
      if (inodes.has(linkOf(`/proc/${entry}/fd/${descriptor}`))) {
        return { pid: Number(entry), command: readLines(`/proc/${entry}/comm`)[0] ?? '?' }
      }
    }
  }
  return null
}

/** True for a process that was started for this state directory: its arguments name it (proc(5), /proc/PID/cmdline). Linux only. */
export function isStartedFor(stateDir: string, pid: number): boolean {
  return (readLines(`/proc/${pid}/cmdline`)[0] ?? '').split('\0').includes(stateDir)
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').trimEnd().split('\n')
  } catch {
    return []
  }
}

function names(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
