import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { withContainerApp } from '../support/container-app.js'
import { type ContainerEngine, hasEngine } from '../support/container-engine.js'
import { freePorts } from '../support/free-ports.js'
import type { TemporaryApp } from '../support/temporary-app.js'

/** Only busybox: its httpd serves what a script says, which asks the other service by its name. */
const composeFile = (ports: { api: number; web: number; udp: number }): string => `
x-pando: { api: { port: ${ports.api} }, gateway: { workers: 1 } }
x-base: &base
  image: busybox
  stop_grace_period: 1s
services:
  web:
    build: { context: ./web }
    # It asks once, before it serves: so the other one has to be well by then.
    command: sh -c "wget -qO /www/first http://store_1:3000/lives; exec httpd -f -p 80 -h /www"
    depends_on: { store_1: { condition: service_healthy } }
    environment: [PORT=5000, "GREETING=\${GREETING:-hello}"]
    ports: ["${ports.web}:80", "127.0.0.1:${ports.udp}:9000/udp"]
    stop_grace_period: 1s
    tty: true
  store_1:
    <<: *base
    # Nothing names its port: as with Compose every port that it listens on is reached by its name.
    command: sh -c "sleep 1; echo life >> /data/lives; touch /ready; exec httpd -f -p 3000 -h /data"
    healthcheck: { test: "test -e /ready", interval: 1s, retries: 20 }
    volumes: [kept:/data, ./made:/made]
volumes: { kept: }
`

const script = String.raw`#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'
case "$PATH_INFO" in
  /other) wget -qO- http://store_1:3000/lives ;;
  /self) wget -qO- http://the-web/cgi-bin/ask/env ;;
  /env) echo "$GREETING $PORT $(env | grep -c _URL)" ;;
esac
`

describe.skipIf(!hasEngine)('a compose.yaml as it is', () => {
  let engine: ContainerEngine
  let app: TemporaryApp
  let web = 0

  withContainerApp('', async (made) => {
    ;({ engine, app } = made)
    await engine.importBusybox()
    rmSync(app.file('pando.yaml'))
    const [api, own, udp] = await freePorts(3)
    web = own!
    writeFileSync(app.file('compose.yaml'), composeFile({ api: api!, web, udp: udp! }))
    writeFileSync(app.file('compose.override.yaml'), 'services: { web: { container_name: the-web } }\n')
    writeFileSync(app.file('.env'), 'GREETING=good day\n')
    mkdirSync(app.file('web'))
    writeFileSync(app.file('web/ask'), script, { mode: 0o755 })
    // The image of our tests knows /etc/hosts alone.
    writeFileSync(app.file('web/names'), 'hosts: files dns\n')
    const recipe = 'FROM busybox\nCOPY names /etc/nsswitch.conf\nCOPY ask /www/cgi-bin/ask\nCMD ["false"]\n'
    writeFileSync(app.file('web/Dockerfile'), recipe)
    await app.up()
  })

  const ask = (path: string): Promise<string> =>
    until(
      `${path} is answered`,
      async () => {
        const answer = await app.fetch(path, { port: web }).catch(() => null)
        return answer?.status === 200 && answer.body !== '' ? answer.body : false
      },
      { timeoutMs: 30_000 },
    )

  test('a published port leads in, and a program is told what the file says and nothing else', async () => {
    expect(await ask('/cgi-bin/ask/env')).toBe('good day 5000 0\n')
  }, 40_000)

  test('names lead to containers, at ports that nobody has named', async () => {
    expect(await ask('/cgi-bin/ask/other')).toBe('life\n')
    expect(await ask('/cgi-bin/ask/self')).toBe('good day 5000 0\n')
  }, 80_000)

  test('what depends on a healthy service starts when it is healthy', async () => {
    expect(await ask('/first')).toBe('life\n')
  }, 40_000)

  test('a folder that is bound and not there is made', () => {
    expect(existsSync(app.file('made'))).toBe(true)
  })

  test('what has no effect is named with its line', async () => {
    const lines = readFileSync(app.file('compose.yaml'), 'utf8').split('\n')
    const lineOf = (text: string): number => lines.findIndex((line) => line.trim().startsWith(text)) + 1
    const { stderr } = await app.run('config')
    expect(stderr).toContain(`compose.yaml:${lineOf('tty:')}:5  services.web.tty: "tty" has no effect`)
    expect(stderr).toContain(`compose.yaml:${lineOf('ports:')}:13  services.web.ports[0]: ports without an address`)
  }, 40_000)

  test('named volumes outlive the app', async () => {
    expect((await app.run('down')).code).toBe(0)
    await app.up()
    expect(await ask('/first')).toBe('life\nlife\n')
  }, 180_000)
})
