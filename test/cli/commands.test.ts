import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { CommandLine, until } from './command-line.js'

// Each test starts several processes: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 60_000 })

let line: CommandLine

beforeAll(async () => {
  line = await CommandLine.open()
  await line.run(['up', '-d'])
})

afterAll(async () => {
  await line.close()
})

describe('commands on a running app', () => {
  it('ps shows services and instances', async () => {
    const { code, stdout } = await line.run(['ps'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^demo {2}running, control plane pid \d+, up \d/)
    expect(stdout).toMatch(/users +ready +2\/2 +rev0/)
    expect(stdout).toMatch(/users-1 +healthy +- +127\.0\.0\.1:42001 +1 +1m \d+s +50 MiB/)
    expect(stdout).not.toContain('\u001b')
  })

  it('ps --json answers with the status, wherever the option stands', async () => {
    for (const args of [
      ['ps', '--json'],
      ['--json', 'ps'],
    ]) {
      expect(JSON.parse((await line.run(args)).stdout)).toMatchObject({ name: 'demo' })
    }
  })

  it('is found from a folder below, and from elsewhere by -f and by --state-dir', async () => {
    const below = join(line.folder, 'a', 'b')
    await mkdir(below, { recursive: true })
    expect((await line.run(['ps'], {}, below)).code).toBe(0)
    const elsewhere = await mkdtemp(join(tmpdir(), 'pando-elsewhere-'))
    try {
      expect((await line.run(['ps'], {}, elsewhere)).code).toBe(2)
      for (const args of [
        ['-f', join(line.folder, 'pando.yaml')],
        ['-f', line.folder],
        ['--state-dir', line.stateDir],
      ]) {
        expect((await line.run([...args, 'ps'], {}, elsewhere)).code).toBe(0)
      }
    } finally {
      await rm(elsewhere, { recursive: true })
    }
  })

  it('colours when forced to, but neither against NO_COLOR nor against --no-color', async () => {
    const forced = { FORCE_COLOR: '1' }
    expect((await line.run(['ps'], forced)).stdout).toContain('\u001b[')
    expect((await line.run(['ps'], { ...forced, NO_COLOR: '1' })).stdout).not.toContain('\u001b[')
    expect((await line.run(['ps', '--no-color'], forced)).stdout).not.toContain('\u001b[')
    expect((await line.run(['--no-color', 'ps'], forced)).stdout).not.toContain('\u001b[')
  })

  it('scale sends every wish, or none when one is wrong', async () => {
    expect(await line.run(['scale', 'users=3', 'orders=1'])).toMatchObject({ code: 0 })
    expect(line.asked('POST').slice(-2)).toMatchObject([
      { url: '/v1/services/users/scale', body: { replicas: 3 } },
      { url: '/v1/services/orders/scale', body: { replicas: 1 } },
    ])
    const before = line.asked('POST').length
    expect(await line.run(['scale', 'orders=2', 'users=abc'])).toMatchObject({ code: 2, stdout: '' })
    expect(line.asked('POST')).toHaveLength(before)
  })

  it('an unknown service is a failure that names the nearest', async () => {
    const { code, stderr } = await line.run(['restart', 'usrs'])
    expect(code).toBe(1)
    expect(stderr).toBe('error: There is no service "usrs".\nnext: Did you mean "users"?\n')
    const json = await line.run(['restart', 'usrs', '--json'])
    expect(json.code).toBe(1)
    expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: 'not_found', status: 404 } })
  })

  it.each(['restart', 'stop', 'start'])('%s takes all services when none is named', async (verb) => {
    expect((await line.run([verb])).code).toBe(0)
    expect(
      line
        .asked('POST')
        .slice(-2)
        .map(({ url }) => url),
    ).toEqual([`/v1/services/users/${verb}`, `/v1/services/orders/${verb}`])
  })

  it('logs asks for what it was asked for', async () => {
    const { code, stdout } = await line.run(['logs', 'users', 'orders', '-n', '5', '--since', '2026-01-31T09:30:00Z'])
    expect(code).toBe(0)
    expect(stdout).toBe('users-0 | users says hello\norders-0 | orders says hello\n')
    const url = new URL(line.asked('GET').at(-1)?.url ?? '', 'http://localhost')
    expect(url.searchParams.getAll('service')).toEqual(['users', 'orders'])
    expect(url.searchParams.get('tail')).toBe('5')
    expect(url.searchParams.get('since')).toBe(String(Date.parse('2026-01-31T09:30:00Z')))
  })

  it('logs shows what the last run wrote where nothing runs, but follows nothing', async () => {
    const state = join(line.folder, 'ended')
    await mkdir(join(state, 'logs', 'users'), { recursive: true })
    await writeFile(join(state, 'logs', 'users', 'users-0-abcdef.log'), 'one\ntwo\n')
    const { code, stdout, stderr } = await line.run(['logs', '--state-dir', state, '-n', '1'])
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'users-0-abcdef | two\n' })
    expect(stderr).toContain('last run')
    expect(await line.run(['logs', '--state-dir', state, 'orders'])).toMatchObject({ code: 1, stdout: '' })
    expect(await line.run(['logs', '--state-dir', state, '-f'])).toMatchObject({ code: 1, stdout: '' })
  })

  it('logs -f goes on until it is interrupted, and that is no failure', async () => {
    const logs = line.start(['logs', '-f', 'users'])
    await logs.says('users says hello')
    logs.child.kill('SIGINT')
    expect(await logs.ended()).toMatchObject({ code: 0, stderr: '' })
  })

  it('logs ends quietly when nobody reads any longer', async () => {
    const logs = line.start(['logs', '-f', 'users', 'orders'])
    logs.child.stdout?.destroy()
    const events = line.start(['events', '-n', '1000'])
    await events.ended()
    logs.child.kill('SIGTERM')
    expect((await logs.ended()).stderr).toBe('')
  })

  it('events shows the newest first asked for, as lines or JSON', async () => {
    const { stdout } = await line.run(['events', '-n', '2'])
    expect(stdout.trimEnd().split('\n')).toHaveLength(2)
    expect(stdout).toMatch(/^\d\d:\d\d:\d\d · users-0 +Registered\.$/m)
    const json = (await line.run(['events', '-n', '1', '--json'])).stdout
    expect(JSON.parse(json)).toMatchObject({ kind: 'endpoint.registered', service: 'users' })
  })

  it('events of a service that there is not is a mistake, not an empty answer', async () => {
    expect(await line.run(['events', 'nobody'])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/there is no service nobody\nnext: the services are .*users/),
    })
  })

  it('routes and open show where things are', async () => {
    expect((await line.run(['routes'])).stdout).toMatch(/users\/0 +\* +\/users\/\* +users +2/)
    expect((await line.run(['open'])).stdout).toBe('http://127.0.0.1:8080\n')
  })

  it('completes commands and the names of services', async () => {
    expect((await line.run(['complete', '--', 'sca'])).stdout).toContain('scale')
    expect((await line.run(['complete', '--', 'restart', ''])).stdout).toMatch(/^users\b[^]*^orders\b/m)
    expect((await line.run(['complete', '--', 'scale', ''])).stdout).toContain('users=')
  })

  it('prints completion scripts that their shells accept', async () => {
    const { code, stdout } = await line.run(['completion', 'bash'])
    expect(code).toBe(0)
    expect(spawnSync('bash', ['-n'], { input: stdout }).status).toBe(0)
    for (const shell of ['zsh', 'fish']) expect((await line.run(['completion', shell])).stdout).toContain('pando')
    expect(await line.run(['completion', 'tcsh'])).toMatchObject({ code: 2 })
  })

  it('doctor sees the control plane that runs', async () => {
    const { stdout } = await line.run(['doctor', '--json'])
    const { findings } = JSON.parse(stdout) as { findings: { check: string; state: string; detail: string }[] }
    expect(findings).toContainEqual(expect.objectContaining({ check: 'control plane', state: 'ok' }))
    expect(findings).toContainEqual(expect.objectContaining({ check: 'manifest', state: 'ok' }))
    expect(findings).toContainEqual(expect.objectContaining({ check: 'node', state: 'ok' }))
  })

  it('doctor tells a control plane that has died from one that never ran', async () => {
    const other = await CommandLine.open()
    try {
      const checked = async (): Promise<unknown> =>
        (JSON.parse((await other.run(['doctor', '--json'])).stdout) as { findings: { check: string }[] }).findings.find(
          ({ check }) => check === 'control plane',
        )
      expect(await checked()).toMatchObject({ state: 'info', detail: 'not running' })
      await other.run(['up', '-d'])
      process.kill(other.log<{ pid: number }>('lives')[0].pid, 'SIGKILL')
      await until(() => spawnSync('kill', ['-0', String(other.log<{ pid: number }>('lives')[0].pid)]).status !== 0)
      expect(await checked()).toMatchObject({ state: 'warn', detail: expect.stringContaining('died') })
    } finally {
      await other.close()
    }
  })
})

describe('what users get wrong', () => {
  let empty = ''

  beforeAll(async () => {
    empty = await mkdtemp(join(tmpdir(), 'pando-empty-'))
  })

  afterAll(async () => {
    await rm(empty, { recursive: true, force: true })
  })

  it.each([
    [['upp'], 2, "unknown command 'upp'\n(Did you mean up?)"],
    [['ps', '--jsn'], 2, 'Did you mean --json?'],
    [['logs', '--since', '10x'], 2, '--since 10x is neither a duration nor a date'],
    [['logs', '--since', '2026-99-99'], 2, 'neither a duration nor a date'],
    [['logs', '-n', 'many'], 2, '--tail many'],
    [['events', '-n', '-1'], 2, '--tail -1'],
    [['up', '--timeout', 'soon'], 2, '--timeout soon is no duration'],
    [['scale'], 2, 'missing required argument'],
    [['scale'], 2, '(pando scale --help shows how it is called)'],
    [['up', '-f', 'nowhere.yaml'], 2, 'nowhere.yaml'],
    [['ps', '--state-dir', 'nowhere'], 1, 'Pando is not running here'],
    [['restart', 'users', '--state-dir', 'nowhere'], 1, 'next: start it with: pando up'],
  ])('pando %j ends with %i and says why', async (args, code, text) => {
    const ran = await line.run(args)
    expect(ran).toMatchObject({ code, stdout: '' })
    expect(ran.stderr).toContain(text)
    expect(ran.stderr).not.toMatch(/^\s+at /m)
  })

  it('says where it looked for a manifest, and how to write one', async () => {
    const ran = await line.run(['up', '-f', empty])
    expect(ran).toMatchObject({ code: 2, stdout: '' })
    expect(ran.stderr).toContain('pando init')
  })

  it('shows every mistake of a manifest with its place, and starts nothing', async () => {
    const path = join(empty, 'pando.yaml')
    await writeFile(
      path,
      'name: broken\nservices:\n  a:\n    build: .\n    command: x\n    replcas: 2\ngateway:\n  port: high\n',
    )
    const ran = await line.run(['up', '-d', '-f', path])
    expect(ran).toMatchObject({ code: 2, stdout: '' })
    expect(ran.stderr).toMatch(/pando\.yaml:6:5[^]*did you mean "replicas"\?[^]*pando\.yaml:8:9/)
    expect(ran.stderr).not.toMatch(/^\s+at /m)
    expect((await line.run(['ps', '-f', path])).code).toBe(1)
  })

  it('config shows what was understood, and secrets only when asked for', async () => {
    const path = join(empty, 'pando.yaml')
    await writeFile(
      path,
      'name: kept\nservices:\n  a:\n    build: .\n    command: x\n    environment: { API_TOKEN: hush, PLAIN: said }\n',
    )
    const { code, stdout } = await line.run(['config', '-f', path])
    expect(code).toBe(0)
    expect(stdout).toContain('PLAIN: said')
    expect(stdout).not.toContain('hush')
    expect((await line.run(['config', '-f', path, '--show-secrets'])).stdout).toContain('hush')
    const json = (await line.run(['config', '-f', path, '--json'])).stdout
    expect(JSON.parse(json)).toMatchObject({ name: 'kept', services: { a: { environment: { PLAIN: 'said' } } } })
    expect(json).not.toContain('hush')
  })

  it('init writes a manifest that loads, and never over one that is there', async () => {
    const folder = join(empty, 'new')
    await mkdir(join(folder, 'web'), { recursive: true })
    await writeFile(join(folder, 'web', 'requirements.txt'), 'flask\n')
    await writeFile(join(folder, 'web', 'app.py'), 'from flask import Flask\napp = Flask(__name__)\n')
    expect((await line.run(['init', folder, '--print'])).stdout).toContain('web:')
    expect(existsSync(join(folder, 'pando.yaml'))).toBe(false)
    expect(await line.run(['init'], {}, folder)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/web +\.\/web +python/),
    })
    expect((await line.run(['config'], {}, folder)).code).toBe(0)
    await writeFile(join(folder, 'pando.yaml'), 'name: mine\n')
    expect(await line.run(['init'], {}, folder)).toMatchObject({ code: 2, stderr: expect.stringContaining('--force') })
    expect(readFileSync(join(folder, 'pando.yaml'), 'utf8')).toBe('name: mine\n')
    expect((await line.run(['init', join(folder, 'nowhere')])).code).toBe(1)
  })

  it('shows a stack only with PANDO_DEBUG', async () => {
    const ran = await line.run(['ps', '--state-dir', 'nowhere'], { PANDO_DEBUG: '1' })
    expect(ran.stderr).toMatch(/^\s+at /m)
    expect(ran.stderr).toContain('caused by:')
  })
})
