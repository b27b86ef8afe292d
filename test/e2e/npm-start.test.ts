import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { root } from '../house/source-tree.js'
import { until } from '../support/condition.js'
import { TemporaryApp } from '../support/temporary-app.js'

const services = `
  echo:
    build: ./echo
    command: exec node echo.mjs
    healthcheck: /healthz
    routes: [/]`

describe('npm start', () => {
  let app: TemporaryApp
  let npm: ChildProcess | undefined
  let said = ''

  beforeEach(async () => {
    app = await TemporaryApp.create(services)
    said = ''
    const { PATH, HOME, TMPDIR } = process.env
    // A process group of its own, as a terminal makes one.
    npm = spawn('npm', ['start', '--', '-f', app.file('pando.yaml')], {
      cwd: root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH, HOME, TMPDIR, NO_COLOR: '1' },
    })
    for (const stream of [npm.stdout, npm.stderr]) stream?.setEncoding('utf8').on('data', (text) => (said += text))
    await until('it says what to do next', () => said.includes('npx pando'), { timeoutMs: 90_000 })
  }, 120_000)

  afterEach(async () => {
    try {
      if (npm?.pid !== undefined) process.kill(-npm.pid, 'SIGKILL')
    } catch {
      // It has ended, as it should.
    }
    await app.dispose()
  }, 60_000)

  test('runs what it is given, and stops all of it when npm alone is told to end', async () => {
    expect((await app.fetch('/healthz')).status).toBe(200)
    expect(app.processes().length).toBeGreaterThan(3)
    const ended = once(npm!, 'exit')
    npm!.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
    await until('nothing is left', () => app.processes().length === 0)
  })

  test('takes a Ctrl-C, which reaches npm and all below it, for one and stops with grace', async () => {
    const ended = once(npm!, 'exit')
    process.kill(-npm!.pid!, 'SIGINT')
    expect(await ended).toEqual([0, null])
    expect(said).toContain('Everything is stopped.')
    expect(said).not.toContain('Killing what is left.')
    await until('nothing is left', () => app.processes().length === 0)
  })
})
