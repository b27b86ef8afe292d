import { existsSync, writeFileSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { isAlive } from '../support/processes.js'
import { TemporaryApp } from '../support/temporary-app.js'

let app: TemporaryApp

afterEach(() => app?.dispose(), 60_000)

test('one that runs to its end while no control plane watches has ended as it did', async () => {
  app = await TemporaryApp.create('  none: { command: "true" }')
  const job = (name: string, code: number, restart: string): string => `
  ${name}:
    command: sh -c "until [ -e ${app.file('go')} ]; do sleep 0.1; done; echo x >> ${app.file(`${name}-ran`)}; exit ${code}"
    protocol: none
    restart: ${restart}`
  app.writeManifest(`${job('well', 0, '"no"')}${job('badly', 3, '"no"')}${job('again', 0, 'on-failure')}`)
  await app.up()
  const { pid, services } = await until('all run', async () => {
    const status = await app.status()
    return status.services.every(({ instances }) => instances.length === 1) && status
  })
  process.kill(pid, 'SIGKILL')
  await until('it is gone', () => !isAlive(pid))
  writeFileSync(app.file('go'), '')
  const programs = services.flatMap(({ instances }) => instances.map((instance) => instance.pid ?? 0))
  await until('all have ended', () => programs.every((program) => !isAlive(program)))
  // It says that one has failed, and so does its exit code.
  expect((await app.run('up', '-d')).code).toBe(1)
  const ended = await until('it knows of all', async () => {
    const status = await app.status()
    return status.services.every(({ instances }) => instances.length === 0) && status.services
  })
  expect(ended.map(({ name, state }) => [name, state])).toEqual([
    ['again', 'completed'],
    ['badly', 'failed'],
    ['well', 'completed'],
  ])
  expect(ended.find(({ name }) => name === 'badly')?.reason).toContain('exit code 3')
  expect(existsSync(app.file('well-ran'))).toBe(true)
}, 120_000)
