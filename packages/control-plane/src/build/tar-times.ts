import { ByteReader } from './byte-reader.js'

const blockBytes = 512
/** Of the records before an entry: names and attributes, never contents. */
const maxRecordBytes = 1_048_576
/** Source: POSIX.1-2017, pax, "pax Extended Header File Times". */
const timeKeys = new Set(['mtime', 'atime', 'ctime'])

/** The same archive with every time at 1970-01-01, whatever it says otherwise (POSIX ustar and pax, GNU). */
export async function* withoutTimes(archive: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const reader = new ByteReader(archive)
  for (let header = await reader.read(blockBytes); header !== null; header = await reader.read(blockBytes)) {
    if (header.every((byte) => byte === 0)) {
      yield header
      continue
    }
    const size = sizeIn(header)
    const type = String.fromCharCode(header[156] ?? 0)
    if (type !== 'x' && type !== 'g') {
      yield timeless(header)
      yield* reader.pass(padded(size))
      continue
    }
    if (size > maxRecordBytes) throw new RangeError('records of more than 1 MiB in an archive')
    const records = (await reader.read(padded(size)))?.subarray(0, size) ?? Buffer.alloc(0)
    const kept = Buffer.concat(recordsIn(records).flatMap(({ key, bytes }) => (timeKeys.has(key) ? [] : [bytes])))
    if (kept.length === 0) continue
    yield timeless(header, kept.length)
    yield Buffer.concat([kept, Buffer.alloc(padded(kept.length) - kept.length)])
  }
}

export interface TarHeader {
  readonly name: string
  readonly size: number
  /** `0` file, `2` symbolic link, `5` folder, … */
  readonly type: string
  readonly target: string
}

/** The files of an archive whose names fit into its headers, in order. Each `contents` must be read, or it is skipped. */
export async function* tarEntries(
  archive: AsyncIterable<Uint8Array>,
): AsyncGenerator<TarHeader & { contents(): AsyncGenerator<Buffer> }> {
  const reader = new ByteReader(archive)
  for (let header = await reader.read(blockBytes); header !== null; header = await reader.read(blockBytes)) {
    if (header.every((byte) => byte === 0)) continue
    const size = sizeIn(header)
    const padding = padded(size) - size
    const prefix = textIn(header, 345, 155)
    const name = textIn(header, 0, 100)
    const type = String.fromCharCode(header[156] ?? 0).replace('\0', '0')
    let isRead = false
    yield {
      name: prefix === '' ? name : `${prefix}/${name}`,
      size,
      type,
      target: textIn(header, 157, 100),
      async *contents() {
        isRead = true
        yield* reader.pass(size)
      },
    }
    for await (const _ of reader.pass(isRead ? padding : size + padding)) continue
  }
}

function timeless(header: Buffer, size?: number): Buffer {
  const block = Buffer.from(header)
  if (size !== undefined) block.write(`${size.toString(8).padStart(11, '0')}\0`, 124, 'latin1')
  block.write('00000000000\0', 136, 'latin1')
  // GNU keeps two more times where ustar has a prefix of the name.
  if (block.toString('latin1', 257, 265) === 'ustar  \0') block.fill(0, 345, 369)
  block.write('        ', 148, 'latin1')
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

function recordsIn(bytes: Buffer): { readonly key: string; readonly bytes: Buffer }[] {
  const records: { key: string; bytes: Buffer }[] = []
  for (let at = 0; at < bytes.length;) {
    const length = Number(bytes.toString('latin1', at, bytes.indexOf(0x20, at)))
    if (!(length > 0) || at + length > bytes.length) throw new RangeError('a record of an archive that cannot be read')
    const record = bytes.subarray(at, at + length)
    records.push({ key: record.toString('latin1', record.indexOf(0x20) + 1, record.indexOf(0x3d)), bytes: record })
    at += length
  }
  return records
}

/** Octal, or (GNU) binary when the first bit is set. */
function sizeIn(header: Buffer): number {
  if (((header[124] ?? 0) & 0x80) === 0) return Number.parseInt(textIn(header, 124, 12).trim() || '0', 8)
  return header.subarray(128, 136).reduce((size, byte) => size * 256 + byte, 0)
}

function textIn(header: Buffer, start: number, length: number): string {
  const field = header.subarray(start, start + length)
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end === -1 ? length : end)
}

function padded(size: number): number {
  return Math.ceil(size / blockBytes) * blockBytes
}
