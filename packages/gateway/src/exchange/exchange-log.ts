import type { AccessRecord } from '../access-record.js'
import type { CompiledRoute } from '../route-table/compiled-route.js'
import type { UpstreamEndpoint } from '../upstream-endpoint.js'
import type { UpstreamService } from '../upstream.js'
import { copy } from '../http1/words.js'
import type { Head } from '../http1/head.js'

const noBytes = Buffer.alloc(0)

/** What the access log wants to know of a request's head, kept until its end; used again for the next request. */
export class ExchangeLog {
  #bytes: Buffer = noBytes
  #methodLength = 0
  #hostLength = 0
  #pathLength = 0

  keep(parser: Head): void {
    this.#methodLength = parser.methodEnd - parser.methodStart
    this.#hostLength = parser.authorityEnd - parser.authorityStart
    this.#pathLength = parser.pathLength
    const size = this.#methodLength + this.#hostLength + this.#pathLength
    if (this.#bytes.length < size) this.#bytes = Buffer.allocUnsafeSlow(size * 2)
    let to = copy(parser.bytes, parser.methodStart, parser.methodEnd, this.#bytes, 0)
    to = copy(parser.bytes, parser.authorityStart, parser.authorityEnd, this.#bytes, to)
    copy(parser.path, 0, parser.pathLength, this.#bytes, to)
  }

  /** What was asked, and who; `record.reason` is set already. */
  fill(
    record: AccessRecord,
    route: CompiledRoute | null,
    service: UpstreamService | null,
    endpoint: UpstreamEndpoint | null,
  ): void {
    const id = endpoint === null ? '' : endpoint.id
    record.route = route === null ? '' : route.name
    record.service = service === null ? '' : service.name
    record.endpoint = record.reason === '' ? id : ''
    record.asked = record.reason === '' ? '' : id
    record.revision = endpoint === null ? '' : endpoint.revision
    record.bytes = this.#bytes
    record.methodStart = 0
    record.methodEnd = this.#methodLength
    record.hostStart = this.#methodLength
    record.hostEnd = this.#methodLength + this.#hostLength
    record.path = this.#bytes.subarray(record.hostEnd)
    record.pathLength = this.#pathLength
  }
}
