import { describe, expect, it } from 'vitest'
import { claimAt, scopesOf, subjectOf } from './claims.js'

describe('what claims say', () => {
  it('scopes: words of scope, words or a list of scp', () => {
    expect(scopesOf({ scope: 'read  write' })).toEqual(['read', 'write'])
    expect(scopesOf({ scp: ['read', 7, 'write'] })).toEqual(['read', 'write'])
    expect(scopesOf({ scp: 'read' })).toEqual(['read'])
    expect(scopesOf({ scope: { read: true } })).toEqual([])
    expect(scopesOf({})).toEqual([])
  })

  it('the subject: sub, else the client that speaks for itself', () => {
    expect(subjectOf({ sub: 'alice', client_id: 'app' })).toBe('alice')
    expect(subjectOf({ client_id: 'app' })).toBe('app')
    expect(subjectOf({ client_id: 7 })).toBe('')
  })

  it('a claim: by its whole name first, then by a path', () => {
    const claims = { 'https://x.test/roles': ['a'], realm_access: { roles: ['b'] }, 'a.b': 1, a: { b: 2 }, list: [1] }
    expect(claimAt(claims, 'https://x.test/roles')).toEqual(['a'])
    expect(claimAt(claims, 'realm_access.roles')).toEqual(['b'])
    expect(claimAt(claims, 'a.b')).toBe(1)
    for (const path of ['list.0', 'list.length', 'realm_access.roles.x', '__proto__', 'constructor.name', 'none', '']) {
      expect(claimAt(claims, path)).toBeUndefined()
    }
  })
})
