import { describe, expect, it } from 'vitest'
import { parseTable } from './wire-shape.js'

const route = {
  name: 'a/0',
  hosts: [],
  matches: [],
  filters: [],
  backends: [],
  timeouts: {},
}
const table = (config: object): string =>
  JSON.stringify({
    epoch: 'e',
    version: 1,
    endpoints: [],
    config: { app: 'a', listeners: [], routes: [], services: [], limits: {}, accessLog: null, ...config },
  })

describe('what comes over the watch about who gets in', () => {
  it('is taken where it has its shape, or is not there', () => {
    for (const config of [
      {},
      { authenticators: {}, apiKeys: [] },
      { authenticators: { x: { kind: 'jwt', name: 'x' } } },
      { apiKeys: [{ id: '1', name: 'n', hash: 'h', scopes: [], services: [], expiresAt: null }] },
      { routes: [route, { ...route, auth: null }, { ...route, auth: { anyOf: ['x'], scopes: [], claims: [] } }] },
    ]) {
      expect(parseTable(table(config))).not.toBeNull()
    }
  })

  it.each([
    [{ authenticators: [] }],
    [{ authenticators: { x: null } }],
    [{ authenticators: { x: { kind: 'jwt' } } }],
    [{ apiKeys: {} }],
    [{ apiKeys: [{ name: 'n' }] }],
    [{ apiKeys: [{ hash: 'h', scopes: 'all', services: [] }] }],
    [{ routes: [{ ...route, auth: 'x' }] }],
    [{ routes: [{ ...route, auth: {} }] }],
    [{ routes: [{ ...route, auth: { anyOf: 'x', scopes: [], claims: [] } }] }],
  ])('is refused whole otherwise, so that nothing is left open by mistake: %j', (config) => {
    expect(parseTable(table(config))).toBeNull()
  })
})
