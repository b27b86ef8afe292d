import type { Head } from './head.js'

/** The fields of a head as lines, none of which may be its first one. */
export function linesOf({ bytes, headers, headerCount }: Head): Buffer {
  const lines: Buffer[] = []
  for (let index = 0; index < headerCount * 4; index += 4) {
    lines.push(
      Buffer.from(bytes.subarray(headers[index], headers[index + 1])),
      Buffer.from(': '),
      Buffer.from(bytes.subarray(headers[index + 2], headers[index + 3])),
      Buffer.from('\r\n'),
    )
  }
  return Buffer.concat(lines)
}
