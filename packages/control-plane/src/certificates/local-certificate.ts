import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AppSpec, CertificateFiles } from '@pando/model'
import type { Issued } from './issue.js'
import type { LocalAuthority } from './local-authority.js'

/** Always among the names: what a browser on this machine calls it. */
const ownHosts = ['localhost', '*.localhost']
const ownAddresses = ['127.0.0.1', '::1']

/** What a certificate is to stand for. */
export interface CertificateNames {
  readonly hosts: readonly string[]
  readonly addresses: readonly string[]
}

export function localCertificateFiles(stateDir: string): CertificateFiles {
  const folder = join(stateDir, 'tls')
  return { cert: join(folder, 'local.pem'), key: join(folder, 'local-key.pem') }
}

/**
 * This machine's names, a name of every service, and every host of the app's routes. Browsers and OpenSSL do not take `*.localhost`, as a wildcard must have two labels behind it;
 * what takes it is spared a new certificate for every name.
 */
export function namesOf(app: AppSpec): CertificateNames {
  const services = Object.values(app.services).filter(({ routes }) => routes.length > 0)
  const routes = [...services.flatMap((service) => service.routes), ...(app.gateway.routes ?? [])]
  const hosts = [...services.map(({ name }) => `${name}.localhost`), ...routes.flatMap((route) => route.hosts)]
  // A name in a certificate has no underscore, and a wildcard needs two labels behind it.
  const fit = hosts.filter((host) => /^(\*\.[a-z0-9-]+\.)?[a-z0-9.-]+$/.test(host) && !/^[\d.]+$/.test(host))
  const { host } = app.gateway
  const addresses = /^[\d.]+$/.test(host) && host !== '0.0.0.0' ? [host] : []
  return {
    hosts: [...new Set([...ownHosts, ...fit.toSorted()])],
    addresses: [...new Set([...ownAddresses, ...addresses])],
  }
}

/** Why the certificate that is there does not do; null when it does. A third of its life is left for whoever is away to come back. */
export function whyRenew(
  present: { readonly certificate: X509Certificate; readonly isSigned: boolean; readonly isPaired: boolean } | null,
  names: CertificateNames,
  now: number,
): string | null {
  if (present === null) return 'there is none'
  const { certificate, isSigned, isPaired } = present
  if (!isPaired) return 'its key is another one'
  if (!isSigned) return 'another authority signed it'
  const notBefore = Date.parse(certificate.validFrom)
  const notAfter = Date.parse(certificate.validTo)
  if (now >= notAfter) return 'it has expired'
  if (now >= notBefore + ((notAfter - notBefore) * 2) / 3) return 'it expires soon'
  const missing = [
    ...names.hosts.filter((host) => !hasName(certificate, host)),
    ...names.addresses.filter((address) => certificate.checkIP(address) === undefined),
  ]
  return missing.length === 0 ? null : `it does not stand for ${missing.join(', ')}`
}

/** Makes the certificate of the app when there is none that does; resolves with why it was made, or null. */
export async function ensureLocalCertificate(
  files: CertificateFiles,
  names: CertificateNames,
  authority: LocalAuthority,
  options: { readonly now: number; readonly isForced?: boolean },
): Promise<string | null> {
  const reason = whyRenew(await readPresent(files, authority), names, options.now)
  if (reason === null && options.isForced !== true) return null
  const issued = await authority.issueServer(names.hosts, names.addresses, options.now)
  await write(files, issued)
  return reason ?? 'it was asked for'
}

function hasName(certificate: X509Certificate, host: string): boolean {
  return (certificate.subjectAltName ?? '').split(', ').includes(`DNS:${host}`)
}

async function readPresent({ cert, key }: CertificateFiles, authority: LocalAuthority) {
  try {
    const certificate = new X509Certificate(await readFile(cert, 'utf8'))
    const isPaired = certificate.checkPrivateKey(createPrivateKey(await readFile(key, 'utf8')))
    return { certificate, isSigned: authority.hasSigned(certificate), isPaired }
  } catch {
    return null
  }
}

/** The gateway waits for both files to have stopped changing; until then the pair before stays. */
async function write({ cert, key }: CertificateFiles, issued: Issued): Promise<void> {
  await mkdir(join(key, '..'), { recursive: true, mode: 0o700 })
  for (const [path, text] of [
    [key, issued.key],
    [cert, issued.cert],
  ] as const) {
    await writeFile(`${path}.new`, text, { mode: 0o600 })
    await rename(`${path}.new`, path)
  }
}
