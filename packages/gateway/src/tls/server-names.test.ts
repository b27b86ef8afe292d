import { describe, expect, it } from 'vitest'
import { ServerNames } from './server-names.js'

function names(...entries: [string, string][]): ServerNames<string> {
  const found = new ServerNames<string>()
  for (const [name, value] of entries) found.add(name, value)
  return found
}

describe('ServerNames', () => {
  it('finds a name whatever its case, and with the dot of the root behind it', () => {
    const found = names(['Shop.Example', 'a'])
    expect(found.find('shop.example')).toBe('a')
    expect(found.find('SHOP.example.')).toBe('a')
    expect(found.find('example')).toBeNull()
  })

  it('lets a wildcard stand for exactly one label', () => {
    const found = names(['*.example.org', 'w'])
    expect(found.find('a.example.org')).toBe('w')
    expect(found.find('a.b.example.org')).toBeNull()
    expect(found.find('example.org')).toBeNull()
    expect(found.find('.example.org')).toBeNull()
  })

  it('prefers the whole name, and the certificate that was written first', () => {
    const found = names(['*.example.org', 'w'], ['a.example.org', 'one'], ['a.example.org', 'two'])
    expect(found.find('a.example.org')).toBe('one')
    expect(found.find('b.example.org')).toBe('w')
  })

  it('finds nothing for no name', () => {
    expect(names(['*.localhost', 'w']).find('')).toBeNull()
    expect(names(['localhost', 'x']).find('*')).toBeNull()
  })
})
