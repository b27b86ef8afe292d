import { afterEach, beforeEach, expect, it } from 'vitest'
import { ControlClient } from './client.js'
import { serveFake, type Fixture } from './fixture.suite.js'

let fixture: Fixture
let client: ControlClient

beforeEach(async () => {
  fixture = await serveFake()
  client = new ControlClient({ socketPath: fixture.socketPath })
})
afterEach(() => fixture.close())

it('asks why of a service, within bounds', async () => {
  expect(await client.whyService('users', { since: 7, limit: 3 })).toMatchObject({ verdict: 'users is ready.' })
  await client.whyService('users', { since: null, limit: 50 })
  expect(fixture.control.calls).toEqual([
    ['whyService', 'users', { since: 7, limit: 3 }],
    ['whyService', 'users', { since: null, limit: 50 }],
  ])
  await expect(client.whyService('users', { since: null, limit: 5_000 })).rejects.toMatchObject({ code: 'usage' })
})

it('asks why of a request, and refuses what is no id', async () => {
  await expect(client.whyRequest('abc')).rejects.toMatchObject({ code: 'not_found' })
  await expect(client.whyRequest('a b')).rejects.toMatchObject({ code: 'usage' })
  expect(fixture.control.calls).toEqual([['whyRequest', 'abc']])
})
