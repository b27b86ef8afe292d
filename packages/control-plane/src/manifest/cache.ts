import type { CacheSpec } from '@pando/model'
import type { CacheInput } from './cache-schema.js'
import type { Path } from './source.js'
import { formatSize, isMistake, parseSize } from './units.js'

type Report = (path: Path, message: string, hint?: string) => void

/** Null: off. Mistakes are reported at paths below the route. */
export function readCache(written: NonNullable<CacheInput>, report: Report): CacheSpec | null {
  if (String(written) === 'false') return null
  const { size = '32M', max_entry = '1M' } = typeof written === 'object' ? written : {}
  const maxBytes = bytesOf(size)
  const maxEntryBytes = bytesOf(max_entry)
  if (typeof written === 'object' && maxEntryBytes > maxBytes) {
    const key = written.max_entry === undefined ? 'size' : 'max_entry'
    report(['cache', key], 'one answer cannot be larger than all of them', 'raise "size" or lower "max_entry"')
  }
  return { maxBytes, maxEntryBytes }
}

/** As it would be written. */
export function renderCache({ maxBytes, maxEntryBytes }: CacheSpec): object {
  return { size: formatSize(maxBytes), max_entry: formatSize(maxEntryBytes) }
}

function bytesOf(text: string | number): number {
  const bytes = parseSize(text)
  return isMistake(bytes) ? 0 : bytes
}
