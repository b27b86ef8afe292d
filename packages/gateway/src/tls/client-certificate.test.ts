import type { X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { certifiedClient } from './client-certificate.js'

function identityOf(subject: string): unknown {
  return certifiedClient({ fingerprint256: 'AB:CD', subject, subjectAltName: undefined } as X509Certificate)?.identity
}

function lineOf(subject: string, subjectAltName?: string): string | undefined {
  return certifiedClient({ fingerprint256: 'AB:CD', subject, subjectAltName } as X509Certificate)?.line
}

describe('the line that names a client', () => {
  it('is nothing without a certificate', () => {
    expect(certifiedClient(undefined)).toBeNull()
  })

  it('comes with who it is to policies: its subject, else its hash', () => {
    expect(identityOf('CN=alice')).toMatchObject({ kind: 'certificate', subject: 'CN=alice', claims: { hash: 'abcd' } })
    expect(identityOf('')).toMatchObject({ subject: 'abcd' })
  })

  it('has hash, subject, URIs and names', () => {
    expect(lineOf('O=Pando\nCN=alice', 'URI:spiffe://pando/alice, DNS:alice.test, email:a@b')).toBe(
      'X-Forwarded-Client-Cert: Hash=abcd;Subject="O=Pando,CN=alice";URI=spiffe://pando/alice;DNS=alice.test\r\n',
    )
  })

  it.each([
    ['a quote', 'CN=a"b', 'CN=a%22b'],
    ['a second value', 'CN=a;Subject=root', 'CN=a%3BSubject=root'],
    ['a comma', 'CN=a,b', 'CN=a%2Cb'],
    ['a return', 'CN=a\rX-Admin: 1', 'CN=a%0DX-Admin: 1'],
    ['letters of other alphabets', 'CN=ä', 'CN=%C3%A4'],
  ])('cannot be ended by %s in the subject', (_, subject, expected) => {
    expect(lineOf(subject)).toBe(`X-Forwarded-Client-Cert: Hash=abcd;Subject="${expected}"\r\n`)
  })

  it('leaves out what could be read as more than one value, and what is too long', () => {
    expect(lineOf('', 'URI:a;Hash=00, DNS:"x, y"')).toBe('X-Forwarded-Client-Cert: Hash=abcd\r\n')
    expect(lineOf(`CN=${'a'.repeat(2_000)}`)).toBe('X-Forwarded-Client-Cert: Hash=abcd\r\n')
  })
})
