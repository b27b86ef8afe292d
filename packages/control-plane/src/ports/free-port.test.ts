import { createServer, type AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { findFreePort, isFree } from './free-port.js'
import { PortPool } from './port-pool.js'

const range = { from: 21_000, to: 21_003 }

test('skips what is taken by us or by others, round the end of the range', async () => {
  const tried: number[] = []
  const port = await findFreePort({
    host: '127.0.0.1',
    range,
    taken: new Set([21_003]),
    random: () => 0.6,
    isFree: async (address) => tried.push(address.port) === 2,
  })
  expect(tried).toEqual([21_002, 21_000])
  expect(port).toBe(21_000)
})

test('says so when the whole range is in use', async () => {
  const search = findFreePort({
    host: '127.0.0.1',
    range,
    taken: new Set(),
    random: () => 0,
    isFree: async () => false,
  })
  await expect(search).rejects.toMatchObject({ code: 'limit_reached' })
})

test('a port that somebody listens on is not free', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  expect(await isFree({ host: '127.0.0.1', port })).toBe(false)
  await new Promise((resolve) => server.close(resolve))
  expect(await isFree({ host: '127.0.0.1', port })).toBe(true)
})

test('a pool hands out each port once, none that is in use, and fills up again', async () => {
  let checks = 0
  const pool = new PortPool({
    host: '127.0.0.1',
    range,
    size: 2,
    random: () => 0,
    isFree: async () => ++checks > 0,
  })
  await pool.fill()
  expect(checks).toBe(2)
  expect(pool.take(new Set([21_000]))).toBe(21_001)
  expect(() => pool.take(new Set())).toThrow('no free port is at hand')
  await pool.fill()
  expect([21_000, 21_001]).toContain(pool.take(new Set()))
})
