/** The oldest version of TLS that is spoken. Nothing older than 1.2 can be had. */
export type TlsVersion = '1.2' | '1.3'

/** Absolute paths of two PEM files: the certificate with those that lead to its root behind it, and its private key. */
export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

/** What clients have to show. */
export interface ClientAuth {
  /** Absolute path of a PEM file of the authorities that may have signed a client's certificate. */
  readonly ca: string
  /** `request`: a client without one is served too; one that cannot be trusted never is. */
  readonly mode: 'require' | 'request'
}

/** How a listener encrypts. The gateway reads the files, and reads them again when they change. */
export interface ListenerTls {
  /** By the server name that a client asks for; the first one for names that are in none, and for clients that give none. */
  readonly certificates: readonly CertificateFiles[]
  readonly minVersion: TlsVersion
  readonly clientAuth: ClientAuth | null
  /** Protocols offered to clients, most wanted first (RFC 7301). */
  readonly alpn: readonly ('h2' | 'http/1.1')[]
}

/** As the manifest wants it. */
export interface TlsSpec {
  readonly port: number
  /** Null: the local development authority's. */
  readonly certificates: readonly CertificateFiles[] | null
  readonly minVersion: TlsVersion
  readonly clientAuth: ClientAuth | null
  /** The port that requests on the plain port are sent to; null serves them there. */
  readonly redirectPort: number | null
}
