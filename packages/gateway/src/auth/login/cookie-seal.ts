import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { readJsonObject } from '../jwt/strict-json.js'

const nonceBytes = 12
const tagBytes = 16
const leastSecretBytes = 32
const mostSecrets = 4

/**
 * Puts small objects into cookies that only this gateway reads and nobody changes: AES-256-GCM, with the cookie's name and the authenticator's bound
 * in, so that none passes for another. The first secret seals and all of them open: a new one is put on top, and the old one taken out once what it sealed has ended.
 */
export class CookieSeal {
  readonly #keys: readonly Buffer[]

  /** Secrets, a line each, of 32 bytes or more; throws a sentence when there is none. */
  constructor(secrets: Buffer, purpose: string) {
    const lines = secrets
      .toString('latin1')
      .split(/\r?\n/)
      .filter((line) => line !== '')
      .slice(0, mostSecrets)
    if (lines.length === 0 || lines.some((line) => line.length < leastSecretBytes)) {
      throw new Error(`each line must be a secret of ${leastSecretBytes} bytes or more`)
    }
    this.#keys = lines.map((line) => Buffer.from(hkdfSync('sha256', Buffer.from(line, 'latin1'), '', purpose, 32)))
  }

  seal(name: string, value: object): string {
    const nonce = randomBytes(nonceBytes)
    const cipher = createCipheriv('aes-256-gcm', this.#keys[0], nonce, { authTagLength: tagBytes })
    cipher.setAAD(Buffer.from(name))
    const sealed = Buffer.concat([cipher.update(JSON.stringify(value)), cipher.final()])
    return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')
  }

  /** Null when it was not sealed here, under this name, by a secret that is still there. */
  open(name: string, text: string): Readonly<Record<string, unknown>> | null {
    const bytes = Buffer.from(text, 'base64url')
    if (bytes.length <= nonceBytes + tagBytes) return null
    for (const key of this.#keys) {
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes })
      decipher.setAAD(Buffer.from(name))
      decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes))
      try {
        const opened = Buffer.concat([decipher.update(bytes.subarray(nonceBytes + tagBytes)), decipher.final()])
        return readJsonObject(opened)
      } catch {
        // Another secret may have sealed it.
      }
    }
    return null
  }
}
