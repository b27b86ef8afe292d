import { describe, expect, it } from 'vitest'
import { oneService, readCompose } from './compose.suite.js'
import { serviceKeys } from './keys.js'

describe('what is refused', () => {
  it.each([
    [
      'privileged: true',
      '4:5 services.web.privileged: "privileged" is not honoured, and without it the program would run otherwise',
    ],
    ['network_mode: host', '4:19 services.web.network_mode: the network mode "host" is not honoured'],
    ['pid: host', '4:5 services.web.pid: "pid" is not honoured, and without it the program would run otherwise'],
    [
      'devices: [/dev/a]',
      '4:5 services.web.devices: "devices" is not honoured, and without it the program would run otherwise',
    ],
    [
      'security_opt: ["seccomp=unconfined"]',
      '4:20 services.web.security_opt[0]: the option "seccomp=unconfined" is not honoured',
    ],
    ['enviroment: { A: b }', '4:5 services.web.enviroment: unknown key "enviroment"'],
    ['ports: ["x"]', '4:13 services.web.ports[0]: "x" publishes no port'],
    ['ports: ["80:80", "81"]', '4:22 services.web.ports[1]: which port of this machine leads to 81?'],
    ['ports: ["80:80", "81:80-82"]', '4:22 services.web.ports[1]: "81:80-82" publishes no port'],
    ['ports: ["80:99999"]', '4:13 services.web.ports[0]: "80:99999" publishes no port'],
    ['ports: 80', '4:12 services.web.ports: expected a list of ports, got "80"'],
    ['volumes: ["x:/t"]', '4:15 services.web.volumes[0]: there is no volume "x" at the top of the manifest'],
    ['volumes: ["a:b:c:d"]', '4:15 services.web.volumes[0]: "a:b:c:d" is no volume'],
    ['secrets: [none]', '4:15 services.web.secrets[0]: there is no "none" under "secrets" at the top of the file'],
    [
      'healthcheck: { test: x, interval: soon }',
      '4:39 services.web.healthcheck.interval: "soon" is not a duration; write for example "10s", "500ms" or "1m30s"',
    ],
    ['healthcheck: { tset: x }', '4:20 services.web.healthcheck.tset: unknown key "tset"'],
    [
      'restart: sometimes',
      '4:14 services.web.restart: expected no, always, on-failure or unless-stopped, got "sometimes"',
    ],
    ['depends_on: [nobody]', '4:18 services.web.depends_on[0]: there is no service "nobody"'],
    [
      'depends_on: { web: { condition: healthy } }',
      '4:37 services.web.depends_on.web.condition: expected service_started, service_healthy or service_completed_successfully, got "healthy"',
    ],
    ['deploy: { mode: global }', '4:21 services.web.deploy.mode: the mode "global" is not honoured'],
    [
      'deploy: { replicas: many }',
      '4:25 services.web.deploy.replicas: expected a whole number from 0 to 100, got many',
    ],
    [
      'deploy: { replicas: 2 }\nports: ["80:80", "53:53/udp"]',
      '5:12 services.web.ports: 2 replicas cannot all have 127.0.0.1:53:53/udp',
    ],
    ['command: sh -c "x', '4:14 services.web.command: a quote is never closed'],
    ['extends: nobody', '4:14 services.web.extends: there is no service "nobody" to extend'],
    ['extends: web', '4:5 services.web.extends: services extend each other'],
    ['networks: [apart]', '4:16 services.web.networks[0]: there is no network "apart" at the top of the file'],
    ['env_file: ./missing', '4:15 services.web.env_file: there is no file "/app/missing"'],
  ])('%s', (line, mistake) => {
    expect(readCompose(oneService(line)).mistakes).toContain(mistake)
  })

  it.each([
    ['volumes: { v: { external: true } }', '4:17 volumes.v.external: "external" of a volume is not honoured'],
    ['secrets: { s: { environment: S } }', '4:15 secrets.s: only files are honoured under "secrets"'],
    ['nets: {}', '4:1 nets: unknown key "nets"'],
    [
      'models: { m: { model: x } }',
      '4:1 models: "models" is not honoured, and without it the program would run otherwise',
    ],
  ])('%s at the top', (line, mistake) => {
    expect(readCompose(`services:\n  web:\n    image: i\n${line}\n`).mistakes).toContain(mistake)
  })

  it('is one port for two', () => {
    const text = 'services:\n  a: { image: i, ports: ["80:1"] }\n  b: { image: i, ports: ["80:2"] }\n'
    expect(readCompose(text).mistakes).toEqual(['3:25 services.b.ports: 127.0.0.1:80 leads to the service "a" already'])
  })
})

describe('what has no effect', () => {
  it.each([
    ['tty: true', '4:5 services.web.tty: "tty" has no effect'],
    [
      'restart: on-failure:3',
      '4:14 services.web.restart: the limit of 3 has no effect: it is tried again, ever more slowly',
    ],
    [
      'pull_policy: always',
      '4:18 services.web.pull_policy: "always" has no effect: an image is fetched when the engine does not have it',
    ],
    ['ports: ["80:80"]', '4:13 services.web.ports[0]: ports without an address are opened on 127.0.0.1 alone'],
    [
      'ports: [80]',
      '4:13 services.web.ports[0]: no port of this machine is named: pando ps shows the address that leads to 80',
    ],
    [
      'deploy: { update_config: { failure_action: pause } }',
      '4:48 services.web.deploy.update_config.failure_action: "pause" has no effect: what fails to roll out goes back to what was there',
    ],
    [
      'deploy: { resources: { reservations: { memory: 1g } } }',
      '4:28 services.web.deploy.resources.reservations: "reservations" has no effect',
    ],
  ])('%s', (line, warning) => {
    expect(readCompose(oneService(line)).warnings).toEqual([warning])
  })

  it('is said of every key that is known to have none', () => {
    const keys = Object.entries(serviceKeys).flatMap(([key, { fate }]) => (fate === 'warned' ? [key] : []))
    const { warnings } = readCompose(oneService(keys.map((key) => `${key}: x`).join('\n')))
    expect(warnings.map((line) => /services\.web\.(\w+): "\w+" has no effect$/.exec(line)?.[1])).toEqual(keys)
  })
})

it('every key that is refused is refused, and none that is off', () => {
  const keys = Object.entries(serviceKeys).flatMap(([key, { fate }]) => (fate === 'refused' ? [key] : []))
  const { mistakes } = readCompose(oneService(keys.map((key) => `${key}: x`).join('\n')))
  expect(mistakes.flatMap((line) => /services\.web\.(\w+): "\w+" is not honoured/.exec(line)?.[1] ?? [])).toEqual(keys)
  expect(readCompose(oneService(keys.map((key) => `${key}: false`).join('\n'))).mistakes).toEqual([])
})

it('a line of .env that says nothing is shown there', () => {
  expect(readCompose(oneService(''), { files: { '/app/.env': 'A=1\n= 2\n' } }).mistakes).toEqual([
    '/app/.env:2:1 : expected NAME=value',
  ])
})

it('networks that keep services apart are one here, and that is said', () => {
  const text = `services:
  front: { image: i, networks: [a] }
  back: { image: i, networks: [b] }
networks: { a: , b: { internal: true } }
`
  expect(readCompose(text).warnings).toEqual([
    '3:31 services.back.networks: "back" and "front" share no network, and an app has one here: they reach each other',
    '4:23 networks.b.internal: "internal" of the network "b" is not honoured',
  ])
})
