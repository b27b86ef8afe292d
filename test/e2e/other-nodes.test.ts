import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { freePorts } from '../support/free-ports.js'
import { TemporaryApp } from '../support/temporary-app.js'

const run = promisify(execFile)

/** Other Nodes than the one that runs the tests: paths with colons between them. */
const nodes = (process.env['PANDO_NODES'] ?? '').split(':').filter((path) => path !== '')

const services = `
  echo:
    build: ./echo
    command: exec node echo.mjs
    healthcheck: /healthz
    routes: [/]`

describe.skipIf(nodes.length === 0).each(nodes.length === 0 ? ['none in PANDO_NODES'] : nodes)(
  'on the Node %s',
  (path) => {
    let app: TemporaryApp
    let authority: string
    let port: number

    beforeAll(async () => {
      authority = mkdtempSync(join(tmpdir(), 'pando-authority-'))
      ;[port] = (await freePorts(1)) as [number]
      app = await TemporaryApp.create(services, {
        gateway: `  workers: 2\n  access_log: true\n  tls: { port: ${port} }`,
        node: path,
      })
      app.environment['PANDO_CA_DIR'] = join(authority, 'ca')
      await app.up()
    }, 120_000)

    afterAll(async () => {
      // It fails when Node has warned of anything.
      await app?.dispose()
      rmSync(authority, { recursive: true, force: true })
    }, 60_000)

    test('runs an app, whose gateway serves HTTP/1.1 and, encrypted, HTTP/2', async () => {
      const version = execFileSync(path, ['--version'], { encoding: 'utf8' }).trim()
      expect((await app.run('doctor')).stdout).toContain(version)
      // More connections than one of the two workers would take.
      const answers = await Promise.all(Array.from({ length: 20 }, () => app.fetch('/')))
      expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
      const args = ['-sS', '--http2', '--cacert', join(authority, 'ca/ca.pem'), '-o', '/dev/null']
      const { stdout } = await run('curl', [
        ...args,
        '-w',
        '%{http_code} %{http_version}',
        `https://localhost:${port}/`,
      ])
      expect(stdout).toBe('200 2')
    })

    test('replaces an instance that is killed, and says why', async () => {
      const [instance] = await app.settled('echo', 1)
      process.kill(instance?.pid as number, 'SIGKILL')
      await until('it is replaced', async () => (await app.settled('echo', 1))[0]?.pid !== instance?.pid)
      expect((await app.run('why', 'echo')).stdout).toContain('echo is ready')
    })
  },
)
