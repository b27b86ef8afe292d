import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { jwk, p256, rsa } from '../jwt/tokens.suite.js'
import { FileKeySource } from './file-keys.js'

const folder = mkdtempSync(join(tmpdir(), 'pando-keys-'))
const path = join(folder, 'keys')
let source: FileKeySource | null = null

afterEach(() => {
  source?.close()
  rmSync(path, { force: true })
  vi.useRealTimers()
})

function open(content: string | null, kind: 'file' | 'secret' = 'file'): { source: FileKeySource; troubles: string[] } {
  const troubles: string[] = []
  if (content !== null) writeFileSync(path, content)
  source = new FileKeySource(path, kind, (message) => void troubles.push(message))
  return { source, troubles }
}

describe('keys of a file', () => {
  it.each([
    ['a key set', JSON.stringify({ keys: [jwk(rsa.publicKey)] })],
    ['one key', JSON.stringify(jwk(rsa.publicKey))],
    ['PEM', rsa.publicKey.export({ type: 'spki', format: 'pem' }) as string],
    ['PEM of the older kind', rsa.publicKey.export({ type: 'pkcs1', format: 'pem' }) as string],
  ])('are read from %s', (_name, content) => {
    expect(open(content).source.current()?.find('RS256', 'one')).toHaveLength(1)
  })

  it('are secrets, a line each, without the line end', () => {
    const secret = 's'.repeat(40)
    const keys = open(`${secret}\n${'t'.repeat(40)}\r\n`, 'secret').source.current()
    expect(keys?.find('HS256', null).map((key) => key.export().toString())).toEqual([secret, 't'.repeat(40)])
  })

  it('are missed in secrets that are short, which is said', () => {
    const { source } = open('short\n', 'secret')
    expect(source.trouble).toMatch(/no key of use in it; a secret has fewer than 32 bytes$/)
    expect(open(`${'s'.repeat(40)}\nshort\n`, 'secret').source.warning).toMatch(/: a secret has fewer than 32 bytes$/)
  })

  it.each([
    ['', 'neither'],
    ['{"keys":[]}', 'no key of use'],
    [rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, 'neither'],
  ])('are missed in %j', (content, reason) => {
    const { source: keys, troubles } = open(content)
    expect(keys.current()).toBeNull()
    expect(troubles.join()).toContain(reason)
    expect(keys.trouble).toContain(reason)
  })

  it('are read anew when the file is replaced, and stay when it goes', () => {
    vi.useFakeTimers()
    const { source: keys, troubles } = open(JSON.stringify({ keys: [jwk(rsa.publicKey)] }))
    writeFileSync(`${path}.new`, JSON.stringify({ keys: [jwk(p256.publicKey, { kid: 'two' })] }))
    renameSync(`${path}.new`, path)
    vi.advanceTimersByTime(1_000)
    expect(keys.current()?.find('RS256', 'one')).toHaveLength(0)
    expect(keys.current()?.find('ES256', 'two')).toHaveLength(1)
    rmSync(path)
    vi.advanceTimersByTime(5_000)
    expect(keys.current()?.find('ES256', 'two')).toHaveLength(1)
    expect(troubles).toEqual([`${path}: there is no such file`])
  })

  it('are taken when the file comes later', () => {
    vi.useFakeTimers()
    const { source: keys } = open(null)
    expect(keys.current()).toBeNull()
    expect(keys.trouble).toContain('no such file')
    writeFileSync(path, JSON.stringify(jwk(rsa.publicKey)))
    vi.advanceTimersByTime(1_000)
    expect(keys.current()).not.toBeNull()
    expect(keys.trouble).toBeNull()
  })
})
