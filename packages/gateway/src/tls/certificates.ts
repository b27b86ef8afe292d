import { createHash } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import type { CertificateFiles, ListenerTls } from '@pando/model'
import { ciphers, curves, secureOptions } from './ciphers.js'
import { daysWarning, type Pair, readPair } from './pair.js'
import { ServerNames } from './server-names.js'
import { WatchedFiles } from './watched-files.js'

/** What handshakes are made of, until the next reload. */
export interface Contexts {
  /** For the server that accepts: the first certificate, and what holds for all of them. */
  readonly options: SecureContextOptions & { readonly sessionIdContext: string }
  readonly names: ServerNames<SecureContext>
}

interface Entry {
  readonly files: CertificateFiles
  readonly watched: WatchedFiles
  pair: Pair | null
  /** Why what is in the files now is not used. */
  trouble: string | null
}

/**
 * A listener's certificates and client authorities, as their files say. What is new and cannot be used leaves what was read before in its place
 * and is told as a warning; the files are looked at again and again, so that mending them is enough.
 */
export class Certificates {
  readonly #tls: ListenerTls
  readonly #entries: readonly Entry[]
  readonly #authorities: WatchedFiles | null
  #ca: string | null = null
  #caTrouble: string | null = null
  #contexts: Contexts | null = null

  constructor(tls: ListenerTls) {
    this.#tls = tls
    this.#entries = tls.certificates.map((files) => ({
      files,
      watched: new WatchedFiles([files.cert, files.key]),
      pair: null,
      trouble: null,
    }))
    this.#authorities = tls.clientAuth === null ? null : new WatchedFiles([tls.clientAuth.ca])
  }

  /** Null while no handshake can be made: no certificate could be read yet, or not the authorities that clients are checked by. */
  get contexts(): Contexts | null {
    return this.#contexts
  }

  /** Looks at the files; true when handshakes are to be made of something else from now on. */
  async look(ticketKeys: Buffer, isFirst = false): Promise<boolean> {
    let isNew = false
    for (const entry of this.#entries) {
      const found = await entry.watched.look(isFirst)
      if (found === null) continue
      const pair = typeof found === 'string' ? found : readPair(found[0] ?? '', found[1] ?? '')
      const trouble = typeof pair === 'string' ? pair : this.#unusable(pair)
      entry.trouble = trouble
      if (trouble !== null || typeof pair === 'string') continue
      entry.pair = pair
      isNew = true
    }
    const authorities = (await this.#authorities?.look(isFirst)) ?? null
    if (authorities !== null) {
      const ca = typeof authorities === 'string' ? '' : (authorities[0] ?? '')
      this.#caTrouble = typeof authorities === 'string' ? authorities : this.#unusableAuthorities(ca)
      if (this.#caTrouble === null) {
        this.#ca = ca
        isNew = true
      }
    }
    if (isNew) this.build(ticketKeys)
    return isNew
  }

  /** Makes the contexts anew, for other ticket keys. */
  build(ticketKeys: Buffer): void {
    const pairs = this.#entries.flatMap(({ pair }) => pair ?? [])
    const [first] = pairs
    if (first === undefined || (this.#authorities !== null && this.#ca === null)) {
      this.#contexts = null
      return
    }
    const options = this.#options(first, ticketKeys)
    const names = new ServerNames<SecureContext>()
    for (const pair of pairs) {
      const context = createSecureContext(this.#options(pair, ticketKeys))
      for (const name of pair.names) names.add(name, context)
    }
    this.#contexts = { options, names }
  }

  warnings(now: number): string[] {
    const warnings: string[] = []
    for (const { files, watched, pair, trouble } of this.#entries) {
      warnings.push(...watched.warnings)
      if (trouble !== null) {
        const after = pair === null ? '' : '; the one that was read before stays'
        warnings.push(`the certificate in ${files.cert} is not used: ${trouble}${after}`)
      }
      if (pair?.isNamed === false)
        warnings.push(`the certificate in ${files.cert} is for no host: its subjectAltName has none`)
      const days = pair === null ? null : daysWarning(pair, now)
      if (days !== null) warnings.push(`the certificate in ${files.cert} ${days}`)
    }
    if (this.#caTrouble !== null) {
      const after = this.#ca === null ? '' : '; those that were read before stay'
      warnings.push(`the authorities that sign clients are not used: ${this.#caTrouble}${after}`)
    }
    if (this.#contexts === null) warnings.push('no connection can be encrypted until that is mended: each is closed')
    return warnings
  }

  /** A certificate may be whole and still too weak for OpenSSL. */
  #unusable(pair: Pair): string | null {
    try {
      createSecureContext(this.#options(pair, null))
      return null
    } catch (error) {
      return `OpenSSL refuses it (${(error as Error).message})`
    }
  }

  #unusableAuthorities(ca: string): string | null {
    const { clientAuth } = this.#tls
    if (!/-----BEGIN (TRUSTED )?CERTIFICATE-----/.test(ca)) return `there is no certificate in ${clientAuth?.ca}`
    try {
      createSecureContext({ ca })
      return null
    } catch (error) {
      return `OpenSSL refuses ${clientAuth?.ca} (${(error as Error).message})`
    }
  }

  #options(pair: Pair, ticketKeys: Buffer | null): Contexts['options'] {
    const { minVersion, clientAuth } = this.#tls
    return {
      cert: pair.cert,
      key: pair.key,
      ...(this.#ca === null ? {} : { ca: this.#ca }),
      minVersion: minVersion === '1.3' ? 'TLSv1.3' : 'TLSv1.2',
      ciphers,
      ecdhCurve: curves,
      secureOptions,
      // A session that began where clients were asked for other certificates must not go on here.
      sessionIdContext: digest(JSON.stringify([clientAuth, this.#ca])),
      ...(ticketKeys === null ? {} : { ticketKeys }),
    }
  }
}

/** A session id context has at most 32 bytes. */
function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}
