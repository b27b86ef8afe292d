import { createServer, type AddressInfo } from 'node:net'
import type { AppSpec } from '@pando/model'
import { expect, test } from 'vitest'
import { MemoryStore } from '../store/memory-store.js'
import { MeshAddresses } from './mesh-addresses.js'

const app = (...names: string[]): AppSpec =>
  ({
    services: Object.fromEntries(names.map((name) => [name, { name, revision: { protocol: 'http' } }])),
  }) as unknown as AppSpec

test('a service keeps its port, whatever comes and goes', async () => {
  const store = new MemoryStore()
  const first = new MeshAddresses({ store, random: Math.random })
  const users = (await first.ensure(app('users'), { isIdle: true })).get('users')
  const later = new MeshAddresses({ store, random: Math.random })
  await later.ensure(app('orders'), { isIdle: true })
  const both = await later.ensure(app('users', 'orders'), { isIdle: true })
  expect(both.get('users')).toEqual(users)
  expect(both.get('orders')!.port).not.toBe(users!.port)
})

test('a port that somebody else took is chosen again only while nothing of ours runs', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as AddressInfo
  const store = new MemoryStore()
  store.put('mesh_port', 'users', { port })
  const mesh = new MeshAddresses({ store, random: Math.random })
  expect((await mesh.ensure(app('users'), { isIdle: false })).get('users')!.port).toBe(port)
  const chosen = (await mesh.ensure(app('users'), { isIdle: true })).get('users')!.port
  expect(chosen).not.toBe(port)
  expect(store.get('mesh_port', 'users')).toEqual({ port: chosen })
  await new Promise((resolve) => other.close(resolve))
})
