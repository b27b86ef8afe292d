import type { CompressionSpec } from '@pando/model'
import type { Head } from '../http1/head.js'
import { headerValue } from '../http1/head-values.js'
import type { EncoderOwner, ResponseEncoder, ResponseEncoding } from '../http1/response-encoder.js'
import { Recent } from '../recent.js'
import { CompiledEdit } from '../route-table/header-edit.js'
import { type AnswerFacts, chooseCoding, forbidsTransforming, isCompressible, weakened } from './content-coding.js'
import { Compressor } from './compressor.js'
import type { Encoders } from './encoders.js'

/** Bodies being compressed in one worker, 0.3 to 1 MB of memory each; beyond, answers go as they are. */
export const mostContexts = 64

const varyLine = 'Vary: Accept-Encoding\r\n'
const plain = new CompiledEdit([], Buffer.from(varyLine))
const etagName = Buffer.from('etag')
/** It may say `identity`. */
const encodingName = Buffer.from('content-encoding')
/** Of an encoded body nobody can ask for a part. */
const rangesName = Buffer.from('accept-ranges')
const digestNames = ['content-digest', 'repr-digest', 'digest', 'content-md5']
/** Clients have few ways of saying what they take, and short ones. */
const mostRemembered = 256
const mostRememberedLength = 128

/** `compress` of one route. */
export class Compression implements ResponseEncoding {
  readonly #spec: CompressionSpec
  /** Of answers without an ETag. */
  readonly #edits: ReadonlyMap<string, CompiledEdit>
  readonly #chosen = new Recent<string>(mostRemembered)

  constructor(spec: CompressionSpec) {
    this.#spec = spec
    this.#edits = new Map(
      spec.codings.map((coding) => [
        coding,
        new CompiledEdit([encodingName, rangesName], Buffer.from(`Content-Encoding: ${coding}\r\n${varyLine}`)),
      ]),
    )
  }

  codingFor(request: Head): string {
    const accepted = headerValue(request, 'accept-encoding')
    if (accepted === null || forbidsTransforming(headerValue(request, 'cache-control'))) return ''
    let coding = this.#chosen.get(accepted)
    if (coding === undefined) {
      coding = chooseCoding(accepted, this.#spec.codings)
      if (accepted.length <= mostRememberedLength) this.#chosen.set(accepted, coding)
    }
    return coding
  }

  begin(coding: string, response: Head, owner: EncoderOwner, encoders: Encoders): ResponseEncoder | null {
    const { contentLength } = response
    if (coding === '' || (contentLength !== -1 && contentLength < Math.max(1, this.#spec.minBytes))) return null
    if (encoders.inUse >= mostContexts || !isCompressible(this.#spec, factsOf(response))) return null
    const edit = this.#editOf(coding, response)
    return new Compressor({ coding, sizeHint: contentLength, edit, encoders }, owner)
  }

  plainEdit(coding: string, response: Head): CompiledEdit | null {
    if (response.status === 304) return unchangedEdit(coding, response)
    return isCompressible(this.#spec, factsOf(response)) ? plain : null
  }

  #editOf(coding: string, response: Head): CompiledEdit {
    const etag = headerValue(response, 'etag')
    if (etag === null) return this.#edits.get(coding) as CompiledEdit
    return new CompiledEdit(
      [encodingName, rangesName, etagName],
      Buffer.from(`Content-Encoding: ${coding}\r\n${varyLine}ETag: ${weakened(etag)}\r\n`, 'latin1'),
    )
  }
}

/** What the client has kept may be the encoded one: its ETag is the weak one then (RFC 9110 section 15.4.5), which the other one matches as well. */
function unchangedEdit(coding: string, response: Head): CompiledEdit {
  const etag = coding === '' ? null : headerValue(response, 'etag')
  return etag === null
    ? plain
    : new CompiledEdit([etagName], Buffer.from(`${varyLine}ETag: ${weakened(etag)}\r\n`, 'latin1'))
}

function factsOf(response: Head): AnswerFacts {
  return {
    status: response.status,
    contentType: headerValue(response, 'content-type'),
    contentEncoding: headerValue(response, 'content-encoding'),
    cacheControl: headerValue(response, 'cache-control'),
    contentRange: headerValue(response, 'content-range'),
    hasDigest: digestNames.some((name) => headerValue(response, name) !== null),
  }
}
