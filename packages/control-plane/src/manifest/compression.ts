import type { CompressionSpec } from '@pando/model'
import type { CompressionInput } from './compression-schema.js'
import type { Path } from './source.js'
import { formatSize, isMistake, parseSize, quote } from './units.js'

type Report = (path: Path, message: string, hint?: string) => void

const defaultTypes = [
  'text/html',
  'text/css',
  'text/plain',
  'text/xml',
  'text/csv',
  'text/markdown',
  'text/javascript',
  'application/javascript',
  'application/json',
  'application/ld+json',
  'application/problem+json',
  'application/manifest+json',
  'application/xml',
  'application/xhtml+xml',
  'application/rss+xml',
  'application/wasm',
  'image/svg+xml',
]

/** Null: off. Mistakes are reported at paths below the route. */
export function readCompression(written: NonNullable<CompressionInput>, report: Report): CompressionSpec | null {
  if (String(written) === 'false') return null
  const { types = defaultTypes, min_size, codings = ['br', 'gzip'] } = typeof written === 'object' ? written : {}
  for (const [index, type] of types.entries()) {
    if (!/^[\w!#$&^.+-]+\/(\*|[\w!#$&^.+-]+)$/.test(type)) {
      report(
        ['compress', 'types', index],
        `${quote(type)} is not a media type`,
        'write for example application/json or text/*',
      )
    } else if (type.toLowerCase() === 'text/event-stream') {
      report(['compress', 'types', index], 'events are never compressed, as each is to arrive at once')
    }
  }
  if (new Set(codings).size < codings.length) report(['compress', 'codings'], 'a coding is there twice')
  const minBytes = parseSize(min_size ?? '1K')
  return {
    codings,
    types: types.map((type) => type.toLowerCase()),
    minBytes: isMistake(minBytes) ? 1024 : minBytes,
  }
}

/** As it would be written. */
export function renderCompression({ codings, types, minBytes }: CompressionSpec): object {
  return { types, min_size: formatSize(minBytes), codings }
}
