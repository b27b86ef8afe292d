import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { CommandLine, isRunning, until } from './command-line.js'

// Each test starts several processes: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 60_000 })

let line: CommandLine

beforeEach(async () => {
  line = await CommandLine.open()
})

afterEach(async () => {
  await line.close()
})

const lives = (): { pid: number; args: string[]; npm: string | null }[] => line.log('lives')

describe('pando up -d', () => {
  it('starts the control plane, applies the manifest, shows the way and comes back when all is ready', async () => {
    await line.wish({ states: ['building', 'starting', 'ready'] })
    const { code, stdout, stderr } = await line.run(['up', '-d'], {
      GREETING: 'hi',
      SECRET_OF_MINE: 'x',
      npm_lifecycle_event: 'start',
    })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('output 20')
    expect(stdout).not.toContain('output 21')
    expect(stdout).not.toContain('endpoint.registered')
    expect(stdout).toMatch(/gateway {2}http:\/\/127\.0\.0\.1:8080 {2}ready, 2 workers/)
    expect(stdout).toMatch(/users +ready +2\/2 +rev0 +127\.0\.0\.1:41000 +\/users/)
    expect(stdout).toContain('pando scale users=3')
    expect(stdout.match(/pando scale/g)).toHaveLength(1)
    expect(line.asked('PUT')).toEqual([
      expect.objectContaining({ body: { manifest: join(line.folder, 'pando.yaml'), variables: { GREETING: 'hi' } } }),
    ])
    expect(lives()).toEqual([
      {
        pid: expect.any(Number),
        args: ['--state-dir', line.stateDir, '--gateway-entry', expect.stringMatching(/gateway.dist.main\.js$/)],
        npm: null,
      },
    ])
    expect(isRunning(lives()[0].pid)).toBe(true)
  })

  it('applies to the control plane that runs, and starts no second one', async () => {
    await line.run(['up', '-d'])
    const { code, stdout } = await line.run(['up', '-d'])
    expect(code).toBe(0)
    expect(stdout).toContain('It runs already')
    expect(lives()).toHaveLength(1)
    expect(line.asked('PUT')).toHaveLength(2)
  })

  it('ends with 1, the reason and the last log lines when a service has failed, and leaves the rest running', async () => {
    await line.wish({ failing: 'orders' })
    const { code, stdout } = await line.run(['up', '-d'])
    expect(code).toBe(1)
    expect(stdout).toContain('orders has failed: exit code 3, 4 times in a row')
    expect(stdout).toContain('orders says hello')
    expect(stdout).toMatch(/orders +failed +0\/1/)
    expect(isRunning(lives()[0].pid)).toBe(true)
  })

  it('ends with 1 when not all is ready in time, and says what is not', async () => {
    await line.wish({ states: ['waiting'] })
    const { code, stdout } = await line.run(['up', '-d', '--timeout', '300ms'])
    expect(code).toBe(1)
    expect(stdout).toContain('users is waiting: it is waiting')
  })

  it('answers with one JSON document', async () => {
    const { code, stdout } = await line.run(['up', '-d', '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ name: 'demo', services: [{ name: 'users' }, { name: 'orders' }] })
  })

  it('says why the control plane refuses the manifest, and leaves no control plane without an app behind', async () => {
    await line.wish({ refuses: 'port_taken' })
    expect(await line.run(['up', '-d'])).toMatchObject({
      code: 1,
      stderr: 'error: somebody else listens there\nnext: stop that\n',
    })
    await until(() => !isRunning(lives()[0].pid))
    expect(line.asked('DELETE')).toHaveLength(1)
  })

  it('shows the end of the log when the control plane cannot start', async () => {
    await line.wish({ dieAtStart: true })
    const { code, stderr } = await line.run(['up', '-d'])
    expect(code).toBe(1)
    expect(stderr).toContain('exit code 3')
    expect(stderr).toContain('the store is broken beyond repair')
    expect(stderr).not.toMatch(/^\s+at /m)
  })
})

describe('pando up in the foreground', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'stops everything at %s and waits until it is gone',
    async (signal) => {
      const up = line.start(['up'])
      await up.says('pando scale users=3')
      up.child.kill(signal)
      const { code, stdout } = await up.ended()
      expect(code).toBe(0)
      expect(stdout).toContain('Everything is stopped.')
      expect(line.asked('DELETE')).toHaveLength(1)
      expect(lives().map(({ pid }) => isRunning(pid))).toEqual([false])
    },
  )

  it('starts a control plane that was killed again, says so, and goes on', async () => {
    const up = line.start(['up'])
    await up.says('pando scale users=3')
    process.kill(lives()[0].pid, 'SIGKILL')
    await up.says('The control plane has ended unexpectedly')
    await up.says('Started again.')
    await until(() => lives().length === 2)
    expect(lives()[1].args).toContain('--gateway-entry')
    up.child.kill('SIGINT')
    expect(await up.ended()).toMatchObject({ code: 0, stdout: expect.stringContaining('Everything is stopped.') })
    expect(lives().map(({ pid }) => isRunning(pid))).toEqual([false, false])
  })

  it('gives up when a control plane cannot be brought back, and says that services still run', async () => {
    await line.wish({ onlyFirst: true })
    const up = line.start(['up'])
    await up.says('pando scale users=3')
    process.kill(lives()[0].pid, 'SIGKILL')
    const { code, stdout, stderr } = await up.ended()
    expect(code).toBe(1)
    expect(lives()).toHaveLength(6)
    expect(stdout).toContain('the store is broken beyond repair')
    expect(stderr).toContain('services still run')
    expect(stderr).not.toMatch(/^\s+at /m)
  })

  it('kills what does not stop when it is asked a second time', async () => {
    await line.wish({ stubborn: true })
    const up = line.start(['up'])
    await up.says('pando scale users=3')
    up.child.kill('SIGINT')
    await until(() => line.asked('DELETE').length === 1)
    const stubborn = lives().find(({ args }) => args[0] === 'stubborn')
    expect(isRunning(stubborn?.pid ?? 0)).toBe(true)
    up.child.kill('SIGINT')
    expect(await up.ended()).toMatchObject({ code: 0, stdout: expect.stringContaining('Killing what is left.') })
    expect(lives().map(({ pid }) => isRunning(pid))).toEqual([false, false])
  })

  it('gives up when it is asked a third time and it still stops nothing, and says what is left', async () => {
    await line.wish({ stubborn: true, immortal: true })
    const up = line.start(['up'])
    await up.says('pando scale users=3')
    up.child.kill('SIGINT')
    await until(() => line.asked('DELETE').length === 1)
    up.child.kill('SIGINT')
    await up.says('Killing what is left.')
    up.child.kill('SIGINT')
    const { code, stderr } = await up.ended()
    expect(code).toBe(1)
    expect(stderr).toContain('pando down')
  })

  it('stops everything when nobody reads what it says any longer', async () => {
    const up = line.start(['up'])
    await up.says('pando scale users=3')
    up.child.stdout?.destroy()
    // It learns of that when it has something to say.
    process.kill(lives()[0].pid, 'SIGKILL')
    const { code, stderr } = await up.ended()
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(lives().map(({ pid }) => isRunning(pid))).toEqual(lives().map(() => false))
  })

  it('ends with 0 when the app is stopped from elsewhere', async () => {
    const up = line.start(['up'])
    await up.says('pando scale users=3')
    expect(await line.run(['down'])).toMatchObject({ code: 0, stdout: 'demo is stopped.\n' })
    expect(await up.ended()).toMatchObject({ code: 0, stdout: expect.stringContaining('stopped from elsewhere') })
    expect(lives()).toHaveLength(1)
  })
})

describe('pando down', () => {
  it('has nothing to do where nothing runs, however often', async () => {
    expect(await line.run(['down', '--state-dir', 'never'])).toEqual({
      code: 0,
      stdout: 'Nothing is running.\n',
      stderr: '',
    })
    expect(await line.run(['down', '--state-dir', 'never'])).toMatchObject({ code: 0 })
    expect(lives()).toEqual([])
  })

  it('has what a killed control plane left stopped by a new one', async () => {
    await line.run(['up', '-d'])
    process.kill(lives()[0].pid, 'SIGKILL')
    await until(() => !isRunning(lives()[0].pid))
    expect(await line.run(['down'])).toMatchObject({ code: 0, stdout: expect.stringContaining('is stopped') })
    expect(lives().at(-1)?.args).toContain('--down')
  })
})
