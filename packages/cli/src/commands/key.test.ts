import { describe, expect, it } from 'vitest'
import { hashPassword, parseLifetime } from './key.js'

describe('pando key', () => {
  it('reads how long a key lives', () => {
    expect(parseLifetime('90d')).toBe(7_776_000_000)
    expect(parseLifetime('12h')).toBe(43_200_000)
    expect(parseLifetime('30m')).toBe(1_800_000)
    for (const wrong of ['', '0d', '1', 'd', '1w', '-1d', '1.5d', '99999d']) {
      expect(() => parseLifetime(wrong)).toThrow('no time that a key could live')
    }
  })

  it('hashes a password as the gateway reads it, each time with its own salt', () => {
    const salt = Buffer.alloc(16, 7)
    const line = hashPassword('secret', salt)
    expect(line).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
    expect(hashPassword('secret', salt)).toBe(line)
    expect(hashPassword('secret', Buffer.alloc(16, 8))).not.toBe(line)
  })
})
