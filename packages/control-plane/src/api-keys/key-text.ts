import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { apiKeyPrefix } from '@pando/model'

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const secretBytes = 32
/** As many digits of base 62 as 256 bits take, and 32. */
const secretLength = 43
const checkLength = 6
const shownLength = 6

/**
 * `pando_`, 256 random bits and a checksum, all in letters and digits: one word that a double click takes whole, that a scanner of
 * repositories and logs finds by its beginning, and by its checksum knows from text that only looks so.
 */
export function writeKey(random: Uint8Array): string {
  if (random.length !== secretBytes) throw new RangeError(`a key has ${secretBytes} random bytes`)
  const secret = inBase62(BigInt(`0x${Buffer.from(random).toString('hex')}`), secretLength)
  return `${apiKeyPrefix}${secret}${checkOf(secret)}`
}

/** Whether the text is a key that was made so; it says nothing of whether it lets in. */
export function isKey(text: string): boolean {
  const match = /^pando_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$/.exec(text)
  return match !== null && checkOf(match[1] as string) === match[2]
}

/**
 * What is kept of a key. A fast hash is right here: slow ones make guessing of passwords costly, and nobody guesses 256 random bits. Fast means, too, that a
 * gateway can hash what each request brings.
 */
export function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}

/** How it begins: enough to tell keys apart, far from enough to guess the rest. */
export function beginningOf(key: string): string {
  return key.slice(0, apiKeyPrefix.length + shownLength)
}

function checkOf(secret: string): string {
  return inBase62(BigInt(crc32(secret)), checkLength)
}

function inBase62(value: bigint, length: number): string {
  let text = ''
  for (let rest = value; rest > 0n; rest /= 62n) text = `${digits[Number(rest % 62n)]}${text}`
  return text.padStart(length, '0')
}
