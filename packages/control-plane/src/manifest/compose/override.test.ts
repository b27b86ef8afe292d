import { describe, expect, it } from 'vitest'
import { listed } from '../reading.suite.js'
import { oneService, readCompose } from './compose.suite.js'

const over = '/app/compose.override.yaml'
type Service = NonNullable<ReturnType<typeof readCompose>['app']>['services'][string]

function laid(base: string, own: string, name = 'web'): Service {
  const { app, mistakes } = readCompose(base, { files: { [over]: own } })
  expect(mistakes).toEqual([])
  return app!.services[name]!
}
const web = (lines: string): string => `services:\n  web:\n${lines.replaceAll(/^/gm, '    ')}\n`

describe('what compose.override.yaml says', () => {
  it('is joined map by map, and has the last word', () => {
    const { revision } = laid(
      oneService('environment: { A: one, B: two }\nuser: "1"'),
      web('image: j\nenvironment: [B=three, C=four]\nuser: "2"'),
    )
    expect(revision.container?.image).toBe('j')
    expect(revision.container?.security.user).toBe('2')
    expect(revision.environment).toMatchObject({ A: 'one', B: 'three', C: 'four' })
  })

  it('replaces a command, an entry point and the test of a health check', () => {
    const base = oneService('command: [a, b]\nentrypoint: [c]\nhealthcheck: { test: [CMD, d], interval: 5s }')
    const { revision } = laid(base, web('command: [e]\nentrypoint: [f]\nhealthcheck: { test: [CMD, g] }'))
    expect(revision.command).toEqual(['e'])
    expect(revision.container?.extras?.entrypoint).toEqual(['f'])
    expect(revision.healthcheck).toMatchObject({ intervalMs: 5000, probe: { kind: 'command', command: ['g'] } })
  })

  it('puts lists one behind the other, and has one volume, secret and port for one place', () => {
    const base = `${oneService('cap_add: [CHOWN]\ndns: 10.0.0.1\nvolumes: ["./a:/data", "./b:/more"]\nsecrets: [s]\nports: ["127.0.0.1:81:80/udp"]')}secrets: { s: { file: ./s } }\n`
    const own = web(
      'cap_add: [KILL]\ndns: [10.0.0.2]\nvolumes: [{ type: bind, source: ./c, target: /data }]\nsecrets: [{ source: s }]\nports: [{ target: 80, published: 81, host_ip: 127.0.0.1, protocol: udp }]',
    )
    const container = laid(base, own).revision.container!
    expect(container.security.capAdd).toEqual(['CHOWN', 'KILL'])
    expect(container.extras?.dns).toEqual(['10.0.0.1', '10.0.0.2'])
    expect(container.mounts.map((mount) => [mount.target, 'source' in mount ? mount.source : ''])).toEqual([
      ['/data', '/app/c'],
      ['/more', '/app/b'],
    ])
    expect(container.secrets).toHaveLength(1)
    expect(container.network?.published).toHaveLength(1)
  })

  it('joins short forms with long ones', () => {
    const base =
      'services:\n  web: { build: ./web, depends_on: [a], networks: [front] }\n  a: { image: i, networks: [front] }\n  b: { image: i, networks: [front] }\nnetworks: { front: }\n'
    const own =
      'services:\n  web:\n    build: { target: run }\n    depends_on: { b: { condition: service_healthy } }\n    networks: { front: { aliases: [www] } }\n'
    const { revision, dependsOn } = laid(base, own)
    expect(revision.build).toMatchObject({ context: '/app/web', target: 'run' })
    expect(Object.keys(dependsOn).sort()).toEqual(['a', 'b'])
  })

  it('may add services and volumes, follows extends in its own file, and says nothing with null', () => {
    const own =
      'services:\n  web:\n    user:\n  more: { extends: { service: model } , user: "7" }\n  model: { image: k }\nvolumes: { kept: }\n'
    const { app, mistakes } = readCompose(oneService('user: "5"'), { files: { [over]: own } })
    expect(mistakes).toEqual([])
    expect(Object.keys(app!.services).sort()).toEqual(['model', 'more', 'web'])
    expect(app!.services['web']!.revision.container?.security.user).toBe('5')
    expect(app!.services['more']!.revision.container).toMatchObject({ image: 'k', security: { user: '7' } })
  })

  it('is shown where it is mistaken', () => {
    expect(readCompose(oneService(''), { files: { [over]: web('comand: x') } }).mistakes).toEqual([
      `${over}:3:5 services.web.comand: unknown key "comand"`,
    ])
    expect(readCompose(oneService(''), { files: { [over]: web('ports: !reset []') } }).mistakes).toEqual([
      expect.stringContaining(`${over}:3:`),
    ])
    expect(readCompose(oneService(''), { files: { [over]: '- a\n' } }).mistakes).toEqual([
      `${over}:1:1 : a Compose file is a map: name, services`,
    ])
  })
})

describe('files that COMPOSE_FILE names', () => {
  const files = {
    [over]: web('user: "1"'),
    '/app/prod/compose.prod.yaml': web('build: { context: ./web }\nuser: "2"'),
    '/app/last.yaml': web('user: "3"'),
  }
  const read = (COMPOSE_FILE: string) => readCompose(oneService('user: "0"'), { files, variables: { COMPOSE_FILE } })
  const userOf = (COMPOSE_FILE: string) => read(COMPOSE_FILE).app!.services['web']!.revision.container?.security.user

  it('are laid over each other in their order, in place of the one beside', () => {
    expect(userOf('compose.yaml:prod/compose.prod.yaml:/app/last.yaml')).toBe('3')
    expect(userOf('/app/compose.yaml:/app/last.yaml:/app/prod/compose.prod.yaml')).toBe('2')
    expect(userOf('compose.yaml')).toBe('0')
    // It is of another app.
    expect(userOf('/other/compose.yaml:last.yaml')).toBe('1')
  })

  it('have their paths from the folder of the first', () => {
    const web = read('compose.yaml:prod/compose.prod.yaml').app!.services['web']!
    expect(web.revision.build.context).toBe('/app/web')
  })

  it('are for Compose files alone', () => {
    const variables = { COMPOSE_FILE: '/app/pando.yaml:/app/last.yaml' }
    expect(listed('services: { web: { command: x } }\n', { files, variables })).toContainEqual(
      expect.stringContaining('only Compose files are laid over each other (write "include" in this one)'),
    )
  })

  it('have to be there', () => {
    expect(read('compose.yaml:absent.yaml').mistakes).toEqual(['1:1 : there is no file "/app/absent.yaml"'])
  })
})
