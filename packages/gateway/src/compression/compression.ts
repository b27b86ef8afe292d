import type { CompressionSpec } from '@pando/model'
import type { Head } from '../http1/head.js'
import { headerValue } from '../http1/head-values.js'
import type { EncoderOwner, EncodingCount, ResponseEncoder, ResponseEncoding } from '../http1/response-encoder.js'
import { CompiledEdit } from '../route-table/header-edit.js'
import { type AnswerFacts, chooseCoding, isCompressible, weakened } from './content-coding.js'
import { Compressor } from './compressor.js'

/** Bodies being compressed in one worker, 0.3 to 1 MB of memory each; beyond, answers go as they are. */
export const mostContexts = 64

const varyLine = 'Vary: Accept-Encoding\r\n'
const plain = new CompiledEdit([], Buffer.from(varyLine))
const etagName = Buffer.from('etag')
/** It may say `identity`. */
const encodingName = Buffer.from('content-encoding')

/** `compress` of one route. */
export class Compression implements ResponseEncoding {
  readonly #spec: CompressionSpec
  /** Of answers without an ETag. */
  readonly #edits: ReadonlyMap<string, CompiledEdit>

  constructor(spec: CompressionSpec) {
    this.#spec = spec
    this.#edits = new Map(
      spec.codings.map((coding) => [
        coding,
        new CompiledEdit([encodingName], Buffer.from(`Content-Encoding: ${coding}\r\n${varyLine}`)),
      ]),
    )
  }

  codingFor(request: Head): string {
    return chooseCoding(headerValue(request, 'accept-encoding'), this.#spec.codings)
  }

  begin(coding: string, response: Head, owner: EncoderOwner, count: EncodingCount): ResponseEncoder | null {
    const { contentLength } = response
    if (coding === '' || (contentLength !== -1 && contentLength < this.#spec.minBytes)) return null
    if (count.inUse >= mostContexts || !isCompressible(this.#spec, factsOf(response))) return null
    count.inUse++
    return new Compressor(coding, contentLength, this.#editOf(coding, response), owner, () => count.inUse--)
  }

  plainEdit(response: Head): CompiledEdit | null {
    return isCompressible(this.#spec, factsOf(response)) ? plain : null
  }

  #editOf(coding: string, response: Head): CompiledEdit {
    const etag = headerValue(response, 'etag')
    if (etag === null) return this.#edits.get(coding) as CompiledEdit
    return new CompiledEdit(
      [encodingName, etagName],
      Buffer.from(`Content-Encoding: ${coding}\r\n${varyLine}ETag: ${weakened(etag)}\r\n`, 'latin1'),
    )
  }
}

function factsOf(response: Head): AnswerFacts {
  return {
    status: response.status,
    contentType: headerValue(response, 'content-type'),
    contentEncoding: headerValue(response, 'content-encoding'),
    cacheControl: headerValue(response, 'cache-control'),
    contentRange: headerValue(response, 'content-range'),
    contentLength: response.contentLength,
  }
}
