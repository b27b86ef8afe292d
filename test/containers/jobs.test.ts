import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { JobsStatus } from '@pando/model'
import { describe, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { withContainerApp } from '../support/container-app.js'
import { type ContainerEngine, hasEngine } from '../support/container-engine.js'
import { isAlive } from '../support/processes.js'
import type { TemporaryApp } from '../support/temporary-app.js'

const relay = resolve(dirname(fileURLToPath(import.meta.url)), '../support/programs/relay.mjs')

const services = `
  web:
    build: ./echo
    command: exec node relay.mjs
    healthcheck: /healthz
  task:
    image: busybox
    command: [sleep, "600"]
    protocol: none
    stop_grace_period: 1s
    environment: { COLOR: green }
  tick:
    image: busybox
    command: [sh, -c, "echo tick; exit 4"]
    schedule: { cron: "* * * * * *", history: 3 }`

describe.skipIf(!hasEngine)('jobs in containers', () => {
  let engine: ContainerEngine
  let app: TemporaryApp

  withContainerApp(services, async (made) => {
    ;({ engine, app } = made)
    await engine.importBusybox()
    writeFileSync(app.file('echo/relay.mjs'), readFileSync(relay))
    await app.up()
  })

  async function jobs(service: string): Promise<JobsStatus['runs']> {
    const { code, stdout, stderr } = await app.run('jobs', service, '--json')
    if (code !== 0) throw new Error(stderr)
    return (JSON.parse(stdout) as JobsStatus).runs
  }

  test('pando run shows what the container writes and ends with its code', async () => {
    const result = await app.run('run', 'task', '--', 'sh', '-c', 'echo "$COLOR out"; echo err >&2; exit 3')
    expect(result.stdout).toContain('green out')
    expect(result.stdout + result.stderr).toContain('err')
    expect(result.code).toBe(3)
    expect((await jobs('task'))[0]).toMatchObject({ cause: 'hand', result: 'failed', exitCode: 3 })
    expect((await app.run('logs', 'task')).stdout).toContain('green out')
    expect((await app.service('task')).instances).toHaveLength(1)
  }, 60_000)

  test('a run calls another service by its address', async () => {
    const result = await app.run('run', 'task', '--', 'sh', '-c', 'wget -q -O - "$WEB_URL/"')
    expect(result.stdout + result.stderr).toContain('web')
    expect(result.code).toBe(0)
  }, 60_000)

  test('Ctrl-C stops the run, and its container goes', async () => {
    const { child, text } = app.attach(
      'run',
      'task',
      '--',
      'sh',
      '-c',
      'trap "exit 9" TERM; echo here; sleep 600 & wait',
    )
    await until('it runs', () => text().includes('here'))
    child.kill('SIGINT')
    await until('the command has ended', () => child.exitCode !== null)
    expect(child.exitCode).toBe(9)
    const [run] = await jobs('task')
    expect(run).toMatchObject({ result: 'stopped', exitCode: 9 })
    const left = await engine.json<{ Names: string[] }[]>('GET', '/containers/json?all=true')
    expect(left.filter(({ Names }) => Names.some((name) => name.includes(run!.id)))).toEqual([])
  }, 60_000)

  test('a schedule runs containers', async () => {
    const tick = await until('it has run', async () => (await jobs('tick')).find((run) => run.result === 'failed'))
    expect(tick).toMatchObject({ cause: 'schedule', exitCode: 4, reason: 'exit code 4' })
  }, 60_000)

  test('a run outlives a killed control plane, and so does its end', async () => {
    const begin = async (script: string): Promise<string> =>
      (await app.run('run', '--detach', 'task', '--', 'sh', '-c', script)).stdout.trim()
    const short = await begin("trap 'exit 5' USR1; echo up; while :; do sleep 0.1; done")
    const long = await begin('exec sleep 600')
    const containerOf = async (id: string): Promise<{ Id: string; State: string } | undefined> => {
      const all = await engine.json<{ Id: string; Names: string[]; State: string }[]>(
        'GET',
        '/containers/json?all=true',
      )
      return all.find(({ Names }) => Names.some((name) => name.includes(id)))
    }
    await until('it is ready', async () => (await app.run('logs', 'task')).stdout.includes('up'))
    await until('the other one runs', async () => (await containerOf(long))?.State === 'running')
    const { pid } = await app.status()
    process.kill(pid, 'SIGKILL')
    await until('nobody watches', () => !isAlive(pid))
    await engine.ask('POST', `/containers/${(await containerOf(short))!.Id}/kill?signal=USR1`)
    await until('it has ended unwatched', async () => (await containerOf(short))?.State === 'exited')
    await app.up()
    const runs = await until('its end is known', async () => {
      const all = await jobs('task')
      return all.find((run) => run.id === short)?.result === 'running' ? false : all
    })
    expect(runs.find((run) => run.id === short)).toMatchObject({ result: 'failed', exitCode: 5, reason: 'exit code 5' })
    expect(runs.find((run) => run.id === long)).toMatchObject({ result: 'running' })
    expect((await app.run('down')).code).toBe(0)
    expect(await engine.json('GET', '/containers/json?all=true')).toEqual([])
  }, 120_000)
})
