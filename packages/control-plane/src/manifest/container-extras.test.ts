import { expect, it } from 'vitest'
import { listed, readFrom } from './reading.suite.js'
import { renderConfig } from './render.js'

const text = `
services:
  a:
    image: app
    entrypoint: tini -- "a b"
    cap_drop: [cap_chown, NET_RAW]
    init: false
    extra_hosts: ["db:192.0.2.1", "six=[::1]", "here=host-gateway"]
    labels: { team: orders, version: 1.10, price: $$5 }
    shm_size: 128M
    ulimits: { nofile: { soft: 1024, hard: 65536 }, nproc: 100 }
    sysctls: [net.core.somaxconn=1024]
    dns: 192.0.2.53
  b: { image: app }
`
const extras = {
  entrypoint: ['tini', '--', 'a b'],
  capDrop: ['CHOWN', 'NET_RAW'],
  hasInit: false,
  extraHosts: { db: '192.0.2.1', six: '::1', here: 'host-gateway' },
  labels: { team: 'orders', version: '1.10', price: '$5' },
  shmBytes: 134_217_728,
  ulimits: [
    { name: 'nofile', soft: 1024, hard: 65_536 },
    { name: 'nproc', soft: 100, hard: 100 },
  ],
  sysctls: { 'net.core.somaxconn': '1024' },
  dns: ['192.0.2.53'],
}

it('reads what Compose says of a container, and says the same of it again', () => {
  const result = readFrom(text)
  if (result.kind !== 'read') throw new Error('it has mistakes')
  expect(result.app.services['a']?.revision.container?.extras).toEqual(extras)
  expect(result.app.services['b']?.revision.container).not.toHaveProperty('extras')
  const again = readFrom(renderConfig(result.app, { showSecrets: true }))
  expect(again.kind === 'read' && again.app.services['a']?.revision.container?.extras).toEqual(extras)
})

it.each([
  ['services:\n  a: { image: x, entrypoint: "a \'b" }\n', '2:30 services.a.entrypoint: a quote is never closed'],
  ['services:\n  a: { image: x, labels: [pando.app=y] }\n', 'the label "pando.app" is Pando\'s own'],
  ['services:\n  a: { image: x, extra_hosts: [db=here] }\n', '"db" is to lead to "here", which is no address'],
  [
    'services:\n  a: { image: x, ulimits: { nofile: { soft: 9, hard: 1 } } }\n',
    'services.a.ulimits.nofile: what is allowed',
  ],
  ['services:\n  a: { image: x, dns: [name] }\n', '"name" is no address of a name server'],
  [
    'services:\n  a: { command: run, shm_size: 1M }\n',
    '"shm_size" is for containers, and this service runs as processes',
  ],
])('refuses %j', (written, mistake) => {
  expect(listed(written)).toEqual([expect.stringContaining(mistake)])
})
