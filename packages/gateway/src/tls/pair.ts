import { createPrivateKey, X509Certificate } from 'node:crypto'

/** A certificate and its key, found to belong together. */
export interface Pair {
  readonly cert: string
  readonly key: string
  /** Names that it stands for, as server names are: no addresses. */
  readonly names: readonly string[]
  /** It has a name or an address of the kind that clients look at (RFC 9525 section 2: no common name). */
  readonly isNamed: boolean
  /** Unix time, milliseconds. */
  readonly notBefore: number
  readonly notAfter: number
}

/** Reads two PEM texts; in words why they cannot be used. The words never quote the texts: one of them is secret. */
export function readPair(cert: string, key: string): Pair | string {
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(cert)
  } catch {
    return 'there is no certificate in it that can be read as PEM'
  }
  try {
    const privateKey = createPrivateKey(key)
    if (!certificate.checkPrivateKey(privateKey)) return 'the key belongs to another certificate'
  } catch (error) {
    const isLocked = (error as NodeJS.ErrnoException).code === 'ERR_MISSING_PASSPHRASE'
    return isLocked
      ? 'the key is locked with a passphrase, and nobody is there to type it'
      : 'its key cannot be read as PEM'
  }
  return {
    cert,
    key,
    names: namesOf(certificate.subjectAltName),
    isNamed: /(^|, )(DNS|IP Address):/.test(certificate.subjectAltName ?? ''),
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
  }
}

/** `DNS:example.org, DNS:*.example.org, IP Address:127.0.0.1`; what is quoted has characters that no name has. */
function namesOf(subjectAltName: string | undefined): string[] {
  return (subjectAltName ?? '')
    .split(', ')
    .filter((entry) => entry.startsWith('DNS:') && !entry.includes('"'))
    .map((entry) => entry.slice(4))
}

const dayMs = 86_400_000

/** What should be seen to about a certificate's days, or null: it is not valid yet, or not any more, or not for long. */
export function daysWarning({ notBefore, notAfter }: Pair, now: number): string | null {
  if (now >= notAfter) return `has expired on ${day(notAfter)}`
  if (now < notBefore) return `is not valid before ${day(notBefore)}`
  const left = notAfter - now
  // A tenth of its life: nine days of ninety, so that what renews it has had its time and failed.
  if (left >= (notAfter - notBefore) / 10) return null
  return `expires on ${day(notAfter)}, in ${left < dayMs ? 'less than a day' : `${Math.floor(left / dayMs)} days`}`
}

function day(time: number): string {
  return new Date(time).toISOString().slice(0, 10)
}
