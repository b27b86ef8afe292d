import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from '@photostructure/sqlite'
import { PandoError } from '@pando/model'
import { afterEach, describe, expect, test } from 'vitest'
import { SqliteStore } from './sqlite-store.js'
import { describeStore } from './store.suite.js'

const folders: string[] = []
const children: ChildProcess[] = []

function newPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'pando-store-'))
  folders.push(folder)
  return join(folder, 'state.db')
}

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

describeStore('SqliteStore', (options) => new SqliteStore({ path: newPath(), ...options }))

/** Runs `code` (a module body; `path` is the file, `SqliteStore` the built class) in a process of its own. */
function run(path: string, code: string): ChildProcess {
  const built = new URL('../../dist/store/sqlite-store.js', import.meta.url).href
  const body = `import { SqliteStore } from ${JSON.stringify(built)}; const path = ${JSON.stringify(path)}; ${code}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', body], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  return child
}

function failure(work: () => unknown): PandoError {
  try {
    work()
  } catch (error) {
    if (error instanceof PandoError) return error
    throw error
  }
  throw new Error('did not throw')
}

describe('SqliteStore', () => {
  test('what it acknowledged is there after kill -9, round after round, and transactions are whole', async () => {
    const path = newPath()
    let acknowledged = 0
    for (let round = 0; round < 3; round++) {
      const child = run(
        path,
        `import { writeSync } from 'node:fs'
         const store = new SqliteStore({ path })
         for (let i = (store.get('meta', 'n') ?? 0) + 1; ; i++) {
           store.transaction(() => { store.put('meta', 'n', i); store.put('meta', 'n/' + i, i); store.appendEvent({ at: i, kind: 'fault', service: null, instance: null, message: String(i) }) })
           writeSync(1, i + '\\n')
         }`,
      )
      const ended = new Promise((resolve) => child.once('close', resolve))
      let inRound = 0
      for await (const line of createInterface({ input: child.stdout! })) {
        acknowledged = Number(line)
        if (++inRound === 150) child.kill('SIGKILL')
      }
      await ended
      expect(inRound).toBeGreaterThanOrEqual(150)

      const store = new SqliteStore({ path })
      const last = store.get('meta', 'n') as number
      const newestEvent = store.events({ after: null, limit: 1 })[0]!.message
      const keys = store.all('meta').size - 1
      store.close()
      // One more than acknowledged may have been written when the kill came between commit and print.
      expect([acknowledged, acknowledged + 1]).toContain(last)
      expect(keys).toBe(last)
      expect(newestEvent).toBe(String(last))
    }
  })

  test('a second process is refused with the pid of the first; when that is killed, the next one gets in', async () => {
    const path = newPath()
    const holder = run(
      path,
      `globalThis.store = new SqliteStore({ path }); console.log('open'); setInterval(() => {}, 1000)`,
    )
    await new Promise((resolve) => holder.stdout!.once('data', resolve))
    const refused = failure(() => new SqliteStore({ path }))
    expect(refused.code).toBe('conflict')
    expect(refused.message).toContain(`process ${holder.pid}`)
    expect(refused.hint).toBeDefined()

    const ended = new Promise((resolve) => holder.once('exit', resolve))
    holder.kill('SIGKILL')
    await ended
    const store = new SqliteStore({ path })
    store.put('meta', 'x', 1)
    store.close()
  })

  test('within one process a second one is refused too, and works after the first has closed', () => {
    const path = newPath()
    const first = new SqliteStore({ path })
    first.put('meta', 'x', 1)
    expect(failure(() => new SqliteStore({ path })).code).toBe('conflict')
    first.close()
    expect(existsSync(`${path}.pid`)).toBe(false)
    const second = new SqliteStore({ path })
    expect(second.get('meta', 'x')).toBe(1)
    second.close()
  })

  test('the file is its owner’s alone, whatever the umask and an older mode say', () => {
    const path = newPath()
    writeFileSync(path, '')
    chmodSync(path, 0o666)
    const store = new SqliteStore({ path })
    store.put('meta', 'x', 1)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600)
    store.close()
  })

  test('a file that is no database is said to be damaged, and is left as it is', () => {
    const path = newPath()
    writeFileSync(path, 'this is not a database, it only plays one'.repeat(200))
    const before = statSync(path).size
    const error = failure(() => new SqliteStore({ path }))
    expect(error.message).toContain(path)
    expect(error.message).toContain('damaged')
    expect(error.hint).toContain('Move it')
    expect(statSync(path).size).toBe(before)
  })

  test('a database with a torn page is said to be damaged', () => {
    const path = newPath()
    const store = new SqliteStore({ path })
    for (let i = 0; i < 2_000; i++) store.put('meta', `key-${i}`, 'x'.repeat(200))
    store.close()
    const raw = new DatabaseSync(path)
    const { page_size: size } = raw.prepare('PRAGMA page_size').get() as { page_size: number }
    raw.close()
    writeFileSync(path, Buffer.alloc(size * 20, 0xa5), { flag: 'r+' })
    expect(failure(() => new SqliteStore({ path })).message).toContain('damaged')
  })

  test('a file of a newer schema is refused', () => {
    const path = newPath()
    new SqliteStore({ path }).close()
    const raw = new DatabaseSync(path)
    raw.exec('PRAGMA user_version = 99')
    raw.close()
    const error = failure(() => new SqliteStore({ path }))
    expect(error.code).toBe('unsupported')
    expect(error.message).toContain('99')
  })

  test('events keep their numbers over a restart, even when all have been dropped since', () => {
    const path = newPath()
    const event = { at: 1, kind: 'fault', service: null, instance: null, message: 'x' } as const
    const first = new SqliteStore({ path, eventLimit: 2 })
    for (let i = 0; i < 5; i++) first.appendEvent(event)
    first.close()
    const second = new SqliteStore({ path, eventLimit: 2 })
    expect(second.appendEvent(event).seq).toBe(6)
    second.close()
  })
})
