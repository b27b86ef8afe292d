import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'

/** A password's hash in the PHC string format: `$scrypt$ln=15,r=8,p=3$SALT$HASH`, base64 without padding. */
export interface PasswordHash {
  /** log2 of the cost. */
  readonly ln: number
  readonly r: number
  readonly p: number
  readonly salt: Buffer
  readonly hash: Buffer
}

/** RFC 7914; 32 MB and about a quarter of a second, which the OWASP cheat sheet on storing passwords names as one of its equals. */
const usual = { ln: 15, r: 8, p: 3 }
const hashBytes = 32

/** Null when it is no such hash, or one that would cost this process too much: at most 128 MB (the file may be anybody's). */
export function readPasswordHash(text: string): PasswordHash | null {
  const match = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d)\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{43,86})$/.exec(text)
  if (match === null) return null
  const [ln, r, p] = match.slice(1, 4).map(Number)
  if (ln < 12 || r < 1 || p < 1 || 128 * r * 2 ** ln > 128 * 1024 * 1024) return null
  return { ln, r, p, salt: Buffer.from(match[4], 'base64'), hash: Buffer.from(match[5], 'base64') }
}

/** One that nobody's password has: to take as long over a name that is not known. */
export function noPassword(): PasswordHash {
  return { ...usual, salt: randomBytes(16), hash: randomBytes(hashBytes) }
}

export function isPassword(password: Buffer, { ln, r, p, salt, hash }: PasswordHash): Promise<boolean> {
  const options = { N: 2 ** ln, r, p, maxmem: 256 * r * 2 ** ln }
  return new Promise((resolve, reject) => {
    scrypt(password, salt, hash.length, options, (error, derived) => {
      if (error === null) resolve(timingSafeEqual(derived, hash))
      else reject(error)
    })
  })
}
