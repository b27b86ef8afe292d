import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ListeningSockets } from './listening-sockets.js'
import { edge } from './tables.suite.js'
import { Takeover } from './takeover.js'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pando-takeover-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

const takeover = (name: string): Takeover => new Takeover(join(folder, 'gateway-takeover'), name)

it('orphans wait for a primary that is not their own', async () => {
  const own = takeover('first')
  own.announce()
  let isSucceeded = false
  const succeeded = own.succeeded().then(() => (isSucceeded = true))
  const next = takeover('second')
  next.clear()
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(isSucceeded).toBe(false)
  next.announce()
  await succeeded
})

it('a successor gets a port that its predecessor lets go of once it is announced, and is told of one that nobody lets go', async () => {
  const held = createServer()
  await new Promise<void>((resolve) => held.listen(0, '127.0.0.1', resolve))
  const { port } = held.address() as AddressInfo
  const own = takeover('first')
  void own.succeeded().then(() => held.close())
  const sockets = new ListeningSockets(takeover('second'))
  const bound = await sockets.get(edge(port))
  expect(bound.error).toBe(null)
  const others = createServer()
  await new Promise<void>((resolve) => others.listen(0, '127.0.0.1', resolve))
  const { port: taken } = others.address() as AddressInfo
  expect((await sockets.get(edge(taken, 'other'))).error).toBe(`port ${taken} on 127.0.0.1 is taken by another process`)
  others.close()
  sockets.close()
})
