import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import type { AppSpec, BuildKind } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { noPaint } from '../paint.js'
import { renderFindings } from './finding.js'
import { findNode } from './machine.js'
import { findPort } from './ports.js'
import { findTools } from './tools.js'

function appOf(kinds: Readonly<Record<string, BuildKind>>, command: string | null = null): AppSpec {
  const services = Object.entries(kinds).map(([name, kind]) => [name, { name, revision: { build: { kind, command } } }])
  return { services: Object.fromEntries(services) } as unknown as AppSpec
}

describe('findTools', () => {
  it('asks once for each tool that some service needs, and names those services', async () => {
    const asked: string[] = []
    const findings = await findTools(appOf({ a: 'go', b: 'go', c: 'node' }), (command) => {
      asked.push(command)
      return Promise.resolve(command === 'npm' ? '11.0.0' : null)
    })
    expect(asked).toEqual(['go', 'npm'])
    expect(findings).toMatchObject([
      { check: 'go', state: 'fail', detail: expect.stringContaining('a, b') },
      { check: 'npm', state: 'ok', detail: '11.0.0' },
    ])
  })

  it('needs nothing for services that bring their own build command', async () => {
    expect(await findTools(appOf({ a: 'go' }, 'make'), () => Promise.resolve(null))).toEqual([])
  })
})

const nobody = { has: () => false, isRunning: false }

describe('findPort', () => {
  it('tells a free port from one that is held, and by whom', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
    const wish = { check: 'gateway port', address, setting: 'gateway.port' }
    const taken = await findPort(wish, nobody)
    expect(taken).toMatchObject({ state: 'fail', next: expect.stringContaining('gateway.port') })
    // Only Linux lets us see who it is.
    const holder = process.platform === 'linux' ? `(pid ${process.pid})` : 'another process'
    expect(taken.detail).toContain(holder)
    expect(await findPort(wish, { has: (pid) => pid === process.pid, isRunning: true })).toMatchObject({ state: 'ok' })
    server.close()
    await once(server, 'close')
    expect(await findPort(wish, nobody)).toMatchObject({ state: 'ok', detail: expect.stringContaining('is free') })
  })
})

describe('findNode', () => {
  it.each([
    ['v18.20.0', 'fail'],
    ['v20.19.9', 'fail'],
    ['v20.20.0', 'ok'],
    ['v24.0.0', 'ok'],
  ])('%s is %s', (version, state) => {
    expect(findNode(version).state).toBe(state)
  })
})

describe('renderFindings', () => {
  it('puts what to do next below what was found', () => {
    const text = renderFindings([{ check: 'go', state: 'fail', detail: 'not found', next: 'install Go' }], noPaint)
    expect(text.split('\n')).toEqual(['      CHECK  FOUND', 'FAIL  go     not found', '             next: install Go'])
  })
})
