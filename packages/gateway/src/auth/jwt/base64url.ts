/**
 * Decodes base64url as RFC 7515 section 2 wants it and nothing else: no padding, no white space, no letters of plain base64, and no bits
 * behind the last byte. Otherwise one signed token could be written in many ways, and a list of refused ones would be of no use.
 * Null when it is anything else, or empty.
 */
export function decodeBase64Url(text: string): Buffer | null {
  if (!/^[A-Za-z0-9_-]+$/.test(text)) return null
  const rest = text.length % 4
  if (rest === 1) return null
  const last = alphabet.indexOf(text[text.length - 1])
  if (rest === 2 && (last & 0b1111) !== 0) return null
  if (rest === 3 && (last & 0b11) !== 0) return null
  return Buffer.from(text, 'base64url')
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
