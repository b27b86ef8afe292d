import { createServer } from 'node:net'
import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import type { Address } from '@pando/model'

/** Resolves to null when the address is free to listen on, otherwise to one phrase about who has it. */
export async function holderOf(address: Address): Promise<string | null> {
  const error = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
    const server = createServer()
    server.once('error', resolve)
    server.listen({ host: address.host, port: address.port, exclusive: true }, () => server.close(() => resolve(null)))
  })
  if (error === null) return null
  if (error.code !== 'EADDRINUSE') return error.message
  return holderName(address.port) ?? 'another program'
}

/** `name (pid 123)` of whoever listens on the port, null when that cannot be told (no /proc, or another user's process). */
function holderName(port: number): string | null {
  const inodes = new Set<string>()
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of lines(file)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/)
      const isListening = state === '0A'
      if (isListening && Number.parseInt(local?.split(':')[1] ?? '', 16) === port) inodes.add(`socket:[${inode}]`)
    }
  }
  for (const pid of entries('/proc')) {
    if (!/^\d+$/.test(pid)) continue
    for (const descriptor of entries(`/proc/${pid}/fd`)) {
      if (inodes.has(link(`/proc/${pid}/fd/${descriptor}`))) {
        return `${lines(`/proc/${pid}/comm`)[0] ?? 'a process'} (pid ${pid})`
      }
    }
  }
  return null
}

function lines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    return []
  }
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

function link(file: string): string {
  try {
    return readlinkSync(file)
  } catch {
    return ''
  }
}
