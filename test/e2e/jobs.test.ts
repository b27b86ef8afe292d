import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { JobRun, JobsStatus } from '@pando/model'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { TemporaryApp } from '../support/temporary-app.js'
import { isAlive } from '../support/processes.js'

let app: TemporaryApp

beforeAll(async () => {
  app = await TemporaryApp.create('  placeholder: { build: ./echo, command: "true" }')
  app.writeManifest(`
  web:
    build: ./echo
    command: exec node echo.mjs
    healthcheck: /healthz
    environment: { COLOR: green }
  tick:
    build: ./echo
    command: echo tick >> ${app.file('ticks')}
    schedule: "* * * * * *"
  long:
    build: ./echo
    command: exec sleep 600
    schedule: { cron: "* * * * * *", concurrency_policy: replace }
  slow:
    build: ./echo
    command: exec sleep 600
    stop_grace_period: 5s
    schedule: { cron: "* * * * * *", concurrency_policy: forbid, history: 3 }
  flaky:
    build: ./echo
    command: echo try >> ${app.file('tries')}; test $(wc -l < ${app.file('tries')}) -ge 2
    schedule: { cron: "* * * * * *", retries: 1 }
  later:
    build: ./echo
    command: "true"
    schedule: { cron: "0 3 1 1 *", time_zone: Europe/Zurich }`)
  await app.up()
}, 120_000)

afterAll(() => app?.dispose(), 60_000)

async function jobs(service: string): Promise<JobsStatus> {
  const { code, stdout, stderr } = await app.run('jobs', service, '--json')
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as JobsStatus
}

async function runOf(id: string): Promise<JobRun> {
  const run = (await jobs('web')).runs.find((one) => one.id === id)
  if (run === undefined) throw new Error(`no run ${id}`)
  return run
}

const linesOf = (file: string): number =>
  existsSync(app.file(file)) ? readFileSync(app.file(file), 'utf8').trim().split('\n').length : 0

test('pando run has the environment of the service, shows what it writes and ends with its code', async () => {
  const result = await app.run('run', 'web', '--', 'sh', '-c', 'echo "$COLOR $PANDO_SERVICE $WEB_URL"; exit 3')
  expect(result.code).toBe(3)
  expect(result.stdout).toMatch(/^green web http:\/\/127\.0\.0\.1:\d+\n$/)
  const { runs } = await jobs('web')
  expect(runs[0]).toMatchObject({ cause: 'hand', result: 'failed', exitCode: 3, tries: 1, reason: 'exit code 3' })
  expect((await app.run('logs', 'web')).stdout).toContain('green web')
  expect((await app.service('web')).instances).toHaveLength(1)
}, 60_000)

test('Ctrl-C stops the run', async () => {
  const { child, text } = app.attach('run', 'web', '--', 'sh', '-c', 'echo here; exec sleep 600')
  await until('it runs', () => text().includes('here'))
  child.kill('SIGINT')
  await until('the command has ended', () => child.exitCode !== null)
  expect(child.exitCode).toBe(143)
  expect((await jobs('web')).runs[0]).toMatchObject({ result: 'stopped', exitCode: 143 })
}, 60_000)

test('a run that cannot be started says why, and an unknown service is one', async () => {
  expect((await app.run('run', 'web', '--', 'no-such-program')).code).toBe(127)
  const result = await app.run('run', 'wep')
  expect(result.code).toBe(1)
  expect(result.stderr).toContain('did you mean "web"?')
}, 60_000)

test('schedules start runs, and ps shows the next', async () => {
  await until('it has run twice', () => linesOf('ticks') >= 2)
  expect((await jobs('tick')).runs.find((run) => run.result === 'succeeded')).toMatchObject({
    cause: 'schedule',
    exitCode: 0,
  })
  await until('a try that failed is tried again', async () =>
    (await jobs('flaky')).runs.some((run) => run.tries === 2 && run.result === 'succeeded'),
  )
  await until('replace stops the earlier run', async () =>
    (await jobs('long')).runs.some((run) => run.result === 'stopped' && run.reason === 'a later run replaced it'),
  )
  await until('forbid misses the later one', async () =>
    (await jobs('slow')).runs.some((run) => run.result === 'missed' && run.reason.endsWith('still ran')),
  )
  const slow = (await jobs('slow')).runs
  expect(slow.filter((run) => run.endedAt !== null).length).toBeLessThanOrEqual(3)
  expect(slow.filter((run) => run.result === 'running')).toHaveLength(1)
  expect(await app.service('later')).toMatchObject({ state: 'completed', replicas: 0, instances: [] })
  expect((await app.service('later')).reason).toMatch(/^Its next run is at \d{4}-01-01T02:00:00\.000Z\.$/)
}, 90_000)

test('a run outlives a killed control plane, and so does its end', async () => {
  const begun = await app.run(
    'run',
    '--detach',
    'web',
    '--',
    'sh',
    '-c',
    `echo up > ${app.file('up')}; while [ ! -e ${app.file('go')} ]; do sleep 0.1; done; exit 5`,
  )
  const short = begun.stdout.trim()
  const long = (
    await app.run('run', '-d', 'web', '--', 'sh', '-c', `echo up > ${app.file('up2')}; sleep 600`)
  ).stdout.trim()
  await until('it runs', () => existsSync(app.file('up')))
  await until('the other one, too', () => existsSync(app.file('up2')))
  const { pid } = await app.status()
  process.kill(pid, 'SIGKILL')
  await until('nobody watches', () => !isAlive(pid))
  writeFileSync(app.file('go'), '')
  await until('it has ended unwatched', () => existsSync(`${app.stateDir}/jobs/exits/${short}`))
  await app.up()
  expect(await runOf(short)).toMatchObject({ result: 'failed', exitCode: 5, reason: 'exit code 5' })
  expect(await runOf(long)).toMatchObject({ result: 'running' })
  expect((await app.run('down')).code).toBe(0)
  await until('nothing is left', () => app.processes().length === 0)
}, 90_000)
