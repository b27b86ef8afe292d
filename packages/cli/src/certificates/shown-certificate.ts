import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { CertificateFiles } from '@pando/model'

/** A certificate as people want to see it. */
export interface ShownCertificate {
  readonly cert: string
  readonly key: string
  readonly names: readonly string[]
  readonly issuer: string
  readonly validUntil: string
  /** Whole days; negative when it is over. */
  readonly daysLeft: number
  readonly sha256: string
}

/** Null when there is none that can be read. */
export async function showCertificate(files: CertificateFiles, now: number): Promise<ShownCertificate | null> {
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(await readFile(files.cert))
  } catch {
    return null
  }
  const validUntil = Date.parse(certificate.validTo)
  const names = (certificate.subjectAltName ?? '')
    .split(', ')
    .map((name) => name.replace(/^(DNS|IP Address):/, '').replace(/^(?:0:){7}1$/, '::1'))
  return {
    ...files,
    names: names.filter((name) => name !== ''),
    issuer: certificate.issuer.split('\n').at(-1) ?? '',
    validUntil: new Date(validUntil).toISOString(),
    daysLeft: Math.floor((validUntil - now) / 86_400_000),
    sha256: certificate.fingerprint256,
  }
}
