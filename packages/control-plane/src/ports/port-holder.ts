import { readFile, readdir, readlink } from 'node:fs/promises'
import { PandoError } from '@pando/model'
import type { Address } from '@pando/model'
import { whyNotFree } from './free-port.js'

/** The process that listens on a port. */
export interface PortHolder {
  readonly pid: number
  /** As the kernel knows it, for example `nginx`. */
  readonly name: string
}

/**
 * Who listens on TCP port `port`, on whatever address; null when nobody does or it cannot be seen (another user's process, or a
 * system without /proc). Source: proc(5), /proc/net/tcp lists sockets by inode, /proc/PID/fd links to them.
 */
export async function findPortHolder(port: number): Promise<PortHolder | null> {
  const wanted = new Set<string>()
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const inode of listeningInodes(await readText(table), port)) wanted.add(`socket:[${inode}]`)
  }
  if (wanted.size === 0) return null
  for (const pid of await names('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    for (const descriptor of await names(`/proc/${pid}/fd`)) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '')
      if (wanted.has(target)) return { pid: Number(pid), name: (await readText(`/proc/${pid}/comm`)).trim() || '?' }
    }
  }
  return null
}

/** Inodes of sockets that listen (state 0A) on `port`, in the text of /proc/net/tcp or tcp6. */
export function listeningInodes(table: string, port: number): string[] {
  const inodes: string[] = []
  for (const line of table.split('\n').slice(1)) {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
    if (state !== '0A' || Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16) !== port) continue
    inodes.push(inode)
  }
  return inodes
}

/** Null when the address is free to listen on, otherwise one phrase about who has it, or what the system says. */
export async function holderOf(address: Address): Promise<string | null> {
  const obstacle = await obstacleAt(address)
  return obstacle === null ? null : obstacle.kind === 'holder' ? obstacle.who : obstacle.message
}

/** What keeps a program from listening: another that does, or a refusal of the system. */
type Obstacle =
  | { readonly kind: 'holder'; readonly who: string }
  | { readonly kind: 'system'; readonly code: string; readonly message: string }

/** What is in the way of listening on the address; null when nothing is. */
export async function obstacleAt(address: Address): Promise<Obstacle | null> {
  const error = await whyNotFree(address)
  if (error === null) return null
  if (error.code === 'EADDRINUSE') return { kind: 'holder', who: nameOf(await findPortHolder(address.port)) }
  return { kind: 'system', code: error.code ?? '', message: error.message }
}

function nameOf(holder: PortHolder | null): string {
  return holder === null ? 'another process' : `${holder.name} (pid ${holder.pid})`
}

/** `what` wanted the address: `the control API`; `setting` is where another port can be set: `api.port in pando.yaml`. */
export async function portTaken(what: string, address: Address, setting: string, cause?: unknown): Promise<PandoError> {
  const who = nameOf(await findPortHolder(address.port))
  const { host, port } = address
  return new PandoError('port_taken', `${what} cannot listen on ${host}:${port}: the port is held by ${who}`, {
    hint: `Stop that, or set another port: ${setting}.`,
    cause,
  })
}

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}

async function names(path: string): Promise<string[]> {
  return readdir(path).catch(() => [])
}
