import { brotliCompressSync, type BrotliOptions, constants, createBrotliCompress, createGzip } from 'node:zlib'
import type { BrotliCompress, Gzip } from 'node:zlib'
import type { SharedEncoders } from '../http1/response-encoder.js'
import { ReusedGzip } from './reused-gzip.js'

/** What a server can give while it serves: about the cost of gzip -6, and smaller. */
const brotliQuality = 4
const gzipLevel = 6

/** What the encoders of one worker share. */
export class Encoders implements SharedEncoders {
  inUse = 0
  readonly #gzip = new ReusedGzip(gzipLevel)

  whole(coding: string, bytes: Uint8Array): Uint8Array {
    return coding === 'br' ? brotliCompressSync(bytes, brotliOptions(bytes.length)) : this.#gzip.encode(bytes)
  }
}

/** For a body that comes piece by piece; `sizeHint` is -1 when nobody knows how much that will be. It works in threads of zlib's. */
export function encodingStream(coding: string, sizeHint: number): BrotliCompress | Gzip {
  return coding === 'br' ? createBrotliCompress(brotliOptions(sizeHint)) : createGzip({ level: gzipLevel })
}

function brotliOptions(sizeHint: number): BrotliOptions {
  return {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: brotliQuality,
      [constants.BROTLI_PARAM_SIZE_HINT]: Math.max(0, Math.min(sizeHint, 2 ** 30)),
    },
  }
}
