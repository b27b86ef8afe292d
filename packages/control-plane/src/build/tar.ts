/** One entry of an archive. Modes are the permission bits. */
export type TarEntry =
  | {
      readonly kind: 'file'
      readonly name: string
      readonly mode: number
      readonly size: number
      readonly bytes: AsyncIterable<Uint8Array>
      /** Seconds since 1970; 0 when absent, so that the same contents are the same bytes. */
      readonly modifiedAt?: number
    }
  | { readonly kind: 'folder'; readonly name: string; readonly mode: number }
  | { readonly kind: 'link'; readonly name: string; readonly target: string }

const blockBytes = 512
const longestName = 100
const largestSize = 0o77777777777

/**
 * A tar archive (POSIX ustar, with pax headers for what does not fit) of the entries in their order. It says nothing of owners. A file that is not as long as its entry says breaks off with an error.
 */
export async function* tarOf(entries: AsyncIterable<TarEntry> | Iterable<TarEntry>): AsyncGenerator<Uint8Array> {
  for await (const entry of entries) {
    const name = entry.kind === 'folder' && !entry.name.endsWith('/') ? `${entry.name}/` : entry.name
    const target = entry.kind === 'link' ? entry.target : ''
    const size = entry.kind === 'file' ? entry.size : 0
    const extra = [
      ...(Buffer.byteLength(name) > longestName ? [paxRecord('path', name)] : []),
      ...(Buffer.byteLength(target) > longestName ? [paxRecord('linkpath', target)] : []),
      ...(size > largestSize ? [paxRecord('size', String(size))] : []),
    ]
    if (extra.length > 0) {
      const records = Buffer.concat(extra)
      yield header({ name: 'pax', mode: 0o644, size: records.length, type: 'x', target: '' })
      yield padded(records)
    }
    const type = entry.kind === 'file' ? '0' : entry.kind === 'link' ? '2' : '5'
    const mode = entry.kind === 'link' ? 0o777 : entry.mode
    const modifiedAt = entry.kind === 'file' ? entry.modifiedAt : 0
    yield header({ name, mode, size: Math.min(size, largestSize), type, target, modifiedAt })
    if (entry.kind === 'file') yield* contents(entry)
  }
  yield Buffer.alloc(2 * blockBytes)
}

async function* contents({ name, size, bytes }: TarEntry & { kind: 'file' }): AsyncGenerator<Uint8Array> {
  let sent = 0
  for await (const chunk of bytes) {
    sent += chunk.length
    if (sent > size) break
    yield chunk
  }
  if (sent !== size) throw new Error(`${name} changed while it was read`)
  const rest = size % blockBytes
  if (rest > 0) yield Buffer.alloc(blockBytes - rest)
}

/** Source: POSIX.1-2017, pax, "ustar Interchange Format". */
function header(of: {
  name: string
  mode: number
  size: number
  type: string
  target: string
  modifiedAt?: number | undefined
}): Buffer {
  const block = Buffer.alloc(blockBytes)
  const octal = (value: number, digits: number, at: number): void => {
    block.write(value.toString(8).padStart(digits, '0'), at, 'latin1')
  }
  cut(of.name).copy(block, 0)
  octal(of.mode & 0o7777, 7, 100)
  octal(0, 7, 108)
  octal(0, 7, 116)
  octal(of.size, 11, 124)
  octal(Math.max(0, Math.floor(of.modifiedAt ?? 0)), 11, 136)
  block.write('        ', 148, 'latin1')
  block.write(of.type, 156, 'latin1')
  cut(of.target).copy(block, 157)
  block.write('ustar\x0000', 257, 'latin1')
  let sum = 0
  for (const byte of block) sum += byte
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

/** What is cut here stands whole in the pax header. */
function cut(text: string): Buffer {
  return Buffer.from(text).subarray(0, longestName)
}

/** Its length counts its own digits too. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.byteLength(` ${key}=${value}\n`)
  let length = rest + String(rest).length
  if (rest + String(length).length !== length) length = rest + String(length).length
  return Buffer.from(`${length} ${key}=${value}\n`)
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((blockBytes - (bytes.length % blockBytes)) % blockBytes)])
}
