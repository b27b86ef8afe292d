import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Pruned } from '@pando/control-plane'
import { describe, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { withContainerApp } from '../support/container-app.js'
import { hasEngine, type ContainerEngine } from '../support/container-engine.js'
import type { TemporaryApp } from '../support/temporary-app.js'

const relay = resolve(dirname(fileURLToPath(import.meta.url)), '../support/programs/relay.mjs')

const service = (name: string): string => `
  ${name}:
    build: ./${name}
    healthcheck: /healthz
    rollout: { min_healthy_time: 0s }
    routes: [/${name}]`

interface Image {
  readonly Id: string
  readonly RepoTags: readonly string[] | null
  readonly Labels: Readonly<Record<string, string>> | null
}

describe.skipIf(!hasEngine)('images that Pando built', () => {
  let engine: ContainerEngine
  let app: TemporaryApp

  withContainerApp(service('web') + service('other'), async (made) => {
    ;({ engine, app } = made)
    await engine.importNode()
    for (const name of ['web', 'other']) {
      mkdirSync(app.file(name))
      writeFileSync(app.file(`${name}/relay.mjs`), readFileSync(relay))
      recipe(name, '1')
    }
  })

  /** What the first stage copies is different each time, and so is what it leaves. */
  const recipe = (name: string, is: string): void => {
    writeFileSync(app.file(`${name}/is.txt`), `${name} ${is}`)
    writeFileSync(
      app.file(`${name}/Dockerfile`),
      'FROM node AS build\nCOPY is.txt /is.txt\nCOPY relay.mjs /app.mjs\n' +
        'FROM node\nCOPY --from=build /is.txt /app.mjs /\nCMD ["/bin/node", "/app.mjs"]\n',
    )
  }
  const images = (query = ''): Promise<Image[]> => engine.images<Image>(query)
  const ours = async (): Promise<Image[]> =>
    (await images()).filter(({ RepoTags }) => RepoTags?.some((tag) => tag.startsWith('pando-')))
  const unnamed = () => images(`?filters=${encodeURIComponent('{"dangling":["true"]}')}`)
  const pando = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await app.run(...args)
    expect(code, `${stdout}${stderr}`).toBe(0)
    return stdout
  }
  const pruned = async (...args: string[]): Promise<Pruned> => JSON.parse(await pando('prune', '--json', ...args))

  test('say whose they are, and go when nobody can go back to them', { timeout: 240_000 }, async () => {
    await app.up()
    expect((await ours()).map(({ Labels }) => [Labels?.['pando.app-name'], Labels?.['pando.service']]).sort()).toEqual([
      [app.name, 'other'],
      [app.name, 'web'],
    ])
    const old = app.file('.pando/revisions/web/0000000000000000')
    mkdirSync(old)
    for (const is of ['2', '3']) {
      recipe('web', is)
      await pando('deploy', 'web')
    }
    await app.settled('web', 1)
    await until('what no revision needs has gone by itself', () => !existsSync(old))
    expect(await ours()).toHaveLength(4)
    expect(await unnamed()).toHaveLength(4)
    expect((await pruned()).items).toEqual([])
    const { items, notes } = await pruned('--all')
    expect(notes).toEqual([])
    expect(items.filter(({ kind }) => kind === 'image').map((item) => [item.service, item.bytes > 0])).toEqual([
      ['web', true],
      ['web', true],
    ])
    expect(await ours()).toHaveLength(2)
    // The stages of those that are left.
    expect(await unnamed()).toHaveLength(2)
    expect((await app.fetch('/web')).status).toBe(200)
  })

  test(
    'outlive a service as long as the app can go back to it, and all go when it is down',
    { timeout: 120_000 },
    async () => {
      app.writeManifest(service('web'))
      await app.up()
      expect(await ours()).toHaveLength(2)
      await pando('down')
      const { items } = await pruned('--all')
      expect(
        items
          .filter(({ kind }) => kind === 'image')
          .map((item) => item.service)
          .toSorted(),
      ).toEqual(['other', 'web'])
      expect(await images()).toMatchObject([{ RepoTags: ['node:latest'] }])
      await app.up()
      await until('it is built anew', async () => (await app.fetch('/web')).status === 200)
    },
  )
})
