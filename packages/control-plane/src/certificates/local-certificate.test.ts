import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { authorityFolder, LocalAuthority } from './local-authority.js'
import { ensureLocalCertificate, localCertificateFiles, whyRenew } from './local-certificate.js'

const dayMs = 86_400_000
const now = Date.UTC(2026, 0, 1)
const names = { hosts: ['localhost', '*.localhost', 'shop.test'], addresses: ['127.0.0.1', '::1'] }

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pando-ca-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

const modeOf = (path: string): number => statSync(path).mode & 0o777

describe('the development authority', () => {
  it('is made once, for its user alone', async () => {
    const place = join(folder, 'config', 'ca')
    const [first, second] = await Promise.all([LocalAuthority.open(place, now), LocalAuthority.open(place, now)])
    expect(readFileSync(first.certificate, 'utf8')).toBe(readFileSync(second.certificate, 'utf8'))
    expect(modeOf(place)).toBe(0o700)
    expect(modeOf(join(place, 'ca-key.pem'))).toBe(0o600)
    const certificate = new X509Certificate(readFileSync(first.certificate))
    expect(certificate.ca).toBe(true)
    expect(certificate.verify(certificate.publicKey)).toBe(true)
  })

  it('is another one after it was replaced', async () => {
    const place = join(folder, 'ca')
    const first = readFileSync((await LocalAuthority.open(place, now)).certificate, 'utf8')
    const second = readFileSync((await LocalAuthority.replace(place, now)).certificate, 'utf8')
    expect(second).not.toBe(first)
  })

  it('that has expired is said, and not used', async () => {
    const place = join(folder, 'ca')
    await LocalAuthority.open(place, now)
    await expect(LocalAuthority.open(place, now + 4_000 * dayMs)).rejects.toThrow(/has expired/)
  })

  it('has its folder where the environment says', () => {
    expect(authorityFolder({ PANDO_CA_DIR: '/x' })).toBe('/x')
    expect(authorityFolder({ XDG_CONFIG_HOME: '/c', HOME: '/h' })).toBe('/c/pando/ca')
    expect(authorityFolder({ HOME: '/h' })).toBe('/h/.config/pando/ca')
  })
})

describe('the certificate of an app', () => {
  it('stands for its names, is signed by the authority, and is left alone while it is good', async () => {
    const authority = await LocalAuthority.open(join(folder, 'ca'), now)
    const files = localCertificateFiles(folder)
    expect(await ensureLocalCertificate(files, names, authority, { now })).toBe('there is none')
    const certificate = new X509Certificate(readFileSync(files.cert))
    expect(certificate.checkHost('shop.test')).toBe('shop.test')
    expect(certificate.subjectAltName).toContain('DNS:*.localhost')
    expect(certificate.checkHost('example.org')).toBeUndefined()
    expect(certificate.checkIP('::1')).toBe('::1')
    expect(authority.hasSigned(certificate)).toBe(true)
    expect(certificate.ca).toBe(false)
    expect(modeOf(files.key)).toBe(0o600)
    expect(await ensureLocalCertificate(files, names, authority, { now: now + dayMs })).toBeNull()
  })

  it.each([
    ['expires soon', names, 61 * dayMs, 'it expires soon'],
    ['has expired', names, 91 * dayMs, 'it has expired'],
    ['lacks a host', { ...names, hosts: [...names.hosts, 'new.test'] }, 0, 'it does not stand for new.test'],
    ['lacks an address', { ...names, addresses: ['10.0.0.1'] }, 0, 'it does not stand for 10.0.0.1'],
  ])('is made anew when it %s', async (_, wanted, later, reason) => {
    const authority = await LocalAuthority.open(join(folder, 'ca'), now)
    const files = localCertificateFiles(folder)
    await ensureLocalCertificate(files, names, authority, { now })
    expect(await ensureLocalCertificate(files, wanted, authority, { now: now + later })).toBe(reason)
    expect(await ensureLocalCertificate(files, wanted, authority, { now: now + later })).toBeNull()
  })

  it('is made anew when another authority signed it, or its key is not its own', async () => {
    const files = localCertificateFiles(folder)
    const first = await LocalAuthority.open(join(folder, 'one'), now)
    await ensureLocalCertificate(files, names, first, { now })
    const second = await LocalAuthority.open(join(folder, 'two'), now)
    expect(await ensureLocalCertificate(files, names, second, { now })).toBe('another authority signed it')
    const certificate = new X509Certificate(readFileSync(files.cert))
    expect(whyRenew({ certificate, isSigned: true, isPaired: false }, names, now)).toBe('its key is another one')
  })
})
