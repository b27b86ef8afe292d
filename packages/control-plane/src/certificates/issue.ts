import { createPrivateKey, generateKeyPair, type webcrypto } from 'node:crypto'
import { promisify } from 'node:util'

/** A certificate and its private key, both PEM. */
export interface Issued {
  readonly cert: string
  readonly key: string
}

export interface IssueRequest {
  /** As RFC 4514 writes names, for example `CN=localhost`. */
  readonly subject: string
  /** What it is good for: to sign others, for a server, for a client. */
  readonly usage: 'authority' | 'server' | 'client'
  /** DNS names, wildcards among them. */
  readonly hosts?: readonly string[]
  readonly addresses?: readonly string[]
  /** Unix time, milliseconds. */
  readonly notBefore: number
  readonly notAfter: number
  /** Who signs it; null: it signs itself. */
  readonly issuer: Issued | null
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const generate = promisify(generateKeyPair)
const serverAuth = '1.3.6.1.5.5.7.3.1'
const clientAuth = '1.3.6.1.5.5.7.3.2'

/** Makes a certificate (RFC 5280) with a new P-256 key, which every browser, Java and Node since 2015 takes. */
export async function issue(request: IssueRequest): Promise<Issued> {
  const x509 = await loadX509()
  const { privateKey, publicKey } = await generate('ec', { namedCurve: 'P-256' })
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const subjectKey = await crypto.subtle.importKey('spki', new Uint8Array(spki), algorithm, true, ['verify'])
  const isAuthority = request.usage === 'authority'
  const { KeyUsageFlags } = x509
  const signerCert = request.issuer === null ? null : new x509.X509Certificate(request.issuer.cert)
  const signerPublic = signerCert === null ? subjectKey : await signerCert.publicKey.export()
  const certificate = await x509.X509CertificateGenerator.create({
    subject: request.subject,
    issuer: signerCert?.subject ?? request.subject,
    notBefore: new Date(request.notBefore),
    notAfter: new Date(request.notAfter),
    publicKey: subjectKey,
    signingKey: await signingKey(request.issuer?.key ?? key),
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(isAuthority, isAuthority ? 0 : undefined, true),
      new x509.KeyUsagesExtension(
        isAuthority ? KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign : KeyUsageFlags.digitalSignature,
        true,
      ),
      ...(isAuthority
        ? []
        : [new x509.ExtendedKeyUsageExtension([request.usage === 'server' ? serverAuth : clientAuth])]),
      ...subjectNames(x509, request),
      await x509.SubjectKeyIdentifierExtension.create(subjectKey),
      await x509.AuthorityKeyIdentifierExtension.create(signerPublic),
    ],
  })
  return { cert: `${certificate.toString('pem')}\n`, key }
}

type X509 = Awaited<ReturnType<typeof loadX509>>

function subjectNames(x509: X509, { hosts = [], addresses = [] }: IssueRequest) {
  const names = [
    ...hosts.map((value) => ({ type: 'dns' as const, value })),
    ...addresses.map((value) => ({ type: 'ip' as const, value })),
  ]
  return names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]
}

function signingKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' })
  return crypto.subtle.importKey('pkcs8', new Uint8Array(der), algorithm, false, ['sign'])
}

/** Half a second of loading, which only those pay who make a certificate. */
async function loadX509() {
  // The library's dependency injection looks for it when it is loaded.
  await import('reflect-metadata')
  return import('@peculiar/x509')
}
