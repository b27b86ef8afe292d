import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import type { Server } from 'node:net'
import { dirname, join } from 'node:path'
import { PandoError } from '@pando/model'
import { socketAddressOf } from './socket-path.js'

export interface UnixSocket {
  /** Where it really is; see `socketAddressOf`. */
  readonly path: string
  /** Takes the file away, unless it is another's by now. */
  remove(): void
}

/**
 * Lets `server` listen on the unix socket `path`, mode 0600. It is bound in a folder that only we can enter, and gets its place by
 * rename when its mode is right: so there is no moment, and no umask, in which others could connect. A socket on which nobody answers is
 * replaced; one that is answered is a `conflict`. When the path is too long, `control.addr` beside it says where the socket is.
 */
export async function listenOnUnixSocket(server: Server, path: string): Promise<UnixSocket> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const address = socketAddressOf(path)
  await assertFree(address)
  const folder = mkdtempSync(join(dirname(address), '.s'))
  try {
    const made = join(folder, 's')
    await listening(server, made)
    chmodSync(made, 0o600)
    renameSync(made, address)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  const inode = lstatSync(address).ino
  const note = join(dirname(path), 'control.addr')
  if (address === path) rmSync(note, { force: true })
  else writeFileSync(note, `${address}\n`, { mode: 0o600 })
  return {
    path: address,
    remove() {
      if (!existsSync(address) || lstatSync(address).ino !== inode) return
      rmSync(address, { force: true })
      if (address !== path) rmSync(note, { force: true })
    },
  }
}

async function assertFree(address: string): Promise<void> {
  if (!existsSync(address)) return
  if (!lstatSync(address).isSocket()) {
    throw new PandoError('conflict', `${address} is there already and is no socket`, { hint: 'Move it away.' })
  }
  if (await isAnswered(address)) {
    throw new PandoError('conflict', `another control plane answers on ${address}`, {
      hint: 'Run `pando ps` to see it, or `pando down` to end it.',
    })
  }
}

function isAnswered(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address)
    const settle = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => settle(true))
    // Only a refusal says that nobody is there: a full queue or a missing right does not.
    socket.once('error', (error: NodeJS.ErrnoException) =>
      settle(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    )
  })
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
