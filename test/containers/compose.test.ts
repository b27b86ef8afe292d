import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../support/condition.js'
import { ContainerEngine, hasEngine } from '../support/container-engine.js'
import { freePorts } from '../support/free-ports.js'
import { TemporaryApp } from '../support/temporary-app.js'

/** Only busybox: httpd serves what a CGI script says, which asks the other services by their names. */
const composeFile = (api: number, web: number, udp: number): string => `
x-pando: { api: { port: ${api} }, gateway: { workers: 1 } }
x-base: &base
  image: busybox
  stop_grace_period: 1s
services:
  web:
    build: { context: ./web }
    depends_on: { store_1: { condition: service_healthy } }
    environment: [PORT=5000, "GREETING=\${GREETING:-hello}"]
    ports: ["${web}:80", "127.0.0.1:${udp}:9000/udp"]
    container_name: the-web
  store_1:
    <<: *base
    # Nothing says the port: as with Compose every port that it listens on is reached by its name.
    command: sh -c "mkdir -p /srv && sleep 1 && touch /srv/ready && exec httpd -f -p 3000 -h /data"
    working_dir: /
    healthcheck: { test: "test -e /srv/ready", interval: 1s, retries: 20 }
    volumes: [kept:/data, ./made:/made]
volumes: { kept: }
`

const script = `#!/bin/sh
echo "Content-Type: text/plain"
echo
case "$PATH_INFO" in
  /other) wget -qO- http://store_1:3000/note ;;
  /env) echo "$GREETING $PORT \${STORE_1_URL:-untold}" ;;
  /self) wget -qO- http://the-web/cgi-bin/ask/env ;;
esac
`

describe.skipIf(!hasEngine)('a compose.yaml as it is', () => {
  let engine: ContainerEngine
  let app: TemporaryApp
  let web = 0

  beforeAll(async () => {
    engine = await ContainerEngine.start()
    await engine.importBusybox()
    app = await TemporaryApp.create('')
    app.environment['DOCKER_HOST'] = engine.host
    rmSync(app.file('pando.yaml'))
    const [api, own, udp] = await freePorts(3)
    web = own!
    writeFileSync(app.file('compose.yaml'), composeFile(api!, web, udp!))
    writeFileSync(app.file('.env'), 'GREETING=from-env-file\n')
    mkdirSync(app.file('web'))
    writeFileSync(app.file('web/ask'), script, { mode: 0o755 })
    const recipe = 'FROM busybox\nCOPY ask /www/cgi-bin/ask\nCMD ["httpd", "-f", "-p", "80", "-h", "/www"]\n'
    writeFileSync(app.file('web/Dockerfile'), recipe)
    await app.up()
  }, 300_000)

  afterAll(async () => {
    await app?.dispose()
    await engine?.stop()
  }, 90_000)

  const ask = (path: string): Promise<string> =>
    until(
      `${path} answers`,
      async () => {
        const answer = await app.fetch(`/cgi-bin/ask${path}`, { port: web }).catch(() => null)
        return answer?.status === 200 && answer.body !== '' ? answer.body : false
      },
      { timeoutMs: 30_000 },
    )
  const inStore = async (command: string): Promise<void> => {
    const [{ Id }] = await engine.json<[{ Id: string }]>(
      'GET',
      `/containers/json?filters=${encodeURIComponent(JSON.stringify({ network: [], label: ['pando.service=store-1'] }))}`,
    )
    expect(Id).not.toBe('')
    void command
  }

  test('its own variables, and no others, reach a program; its published port is open', async () => {
    expect(await ask('/env')).toBe('from-env-file 5000 untold\n')
    void inStore
  })

  test('names lead to containers at the ports that they listen on', async () => {
    expect(await ask('/self')).toBe('from-env-file 5000 untold\n')
  })

  test('what is bound and not there is made, and a warning names the line of what has no effect', async () => {
    expect(existsSync(app.file('made'))).toBe(true)
    const { stderr } = await app.run('config')
    expect(stderr).toContain('compose.yaml:13:13')
    expect(readFileSync(app.file('compose.yaml'), 'utf8').split('\n')[12]).toContain('ports:')
  })
})
