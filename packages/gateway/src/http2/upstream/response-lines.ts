import { ascii } from '../../http1/chars.js'
import { copy } from '../../http1/words.js'
import type { FieldSink } from '../hpack/decoder.js'
import * as field from '../hpack/field-class.js'
import { LineBuffer } from '../hpack/line-buffer.js'

const firstLine = ascii('HTTP/1.1 200 \r\n')
const statusAt = 9

/**
 * A field section of a response (or the trailers behind one), decoded into the head that HTTP/1.1 would have: one strict parser reads them all.
 * Used again for section after section.
 */
export class ResponseLines implements FieldSink {
  readonly lines = new LineBuffer()
  /** Why it is no right section of a response (RFC 9113 section 8.1.1); empty when it is one. */
  fault = ''
  status = 0
  contentLength = -1
  #isTrailers = false
  #hasFields = false

  begin(isTrailers: boolean): void {
    this.#isTrailers = isTrailers
    this.#hasFields = false
    this.fault = ''
    this.status = 0
    this.contentLength = -1
    this.lines.length = 0
    this.lines.reserve(firstLine.length)
    this.lines.length = copy(firstLine, 0, firstLine.length, this.lines.bytes, 0)
  }

  onField(fieldClass: number, start: number, nameEnd: number, end: number): void {
    const { lines } = this
    if ((fieldClass & (field.badName | field.badValue)) !== 0) this.fault ||= 'A field has a bad name or value.'
    const kind = fieldClass & field.fieldMask
    switch (kind) {
      case field.statusField:
        this.#takeStatus(lines.bytes, nameEnd + 2, end - 2)
        lines.length = start
        return
      case field.methodField:
      case field.schemeField:
      case field.authorityField:
      case field.pathField:
      case field.protocolField:
      case field.unknownPseudo:
        this.fault ||= 'It has a pseudo-header field that no response has.'
        return
      case field.connectionField:
        this.fault ||= 'It has a field that belongs to a connection of HTTP/1.1.'
        return
      case field.contentLengthField:
        this.#takeLength(lines.bytes, nameEnd + 2, end - 2)
        break
    }
    this.#hasFields = true
  }

  /** The head is whole; false when it is none. */
  end(): boolean {
    if (!this.#isTrailers && this.status === 0) this.fault ||= 'It has no :status.'
    const { lines } = this
    lines.reserve(2)
    lines.bytes[lines.length++] = 0x0d
    lines.bytes[lines.length++] = 0x0a
    return this.fault === ''
  }

  #takeStatus(bytes: Uint8Array, start: number, end: number): void {
    if (this.#isTrailers || this.status !== 0 || this.#hasFields) {
      this.fault ||= 'Its :status is not in its place.'
      return
    }
    let status = 0
    for (let at = start; at < end; at++) status = status * 10 + (bytes[at] - 0x30)
    if (end - start !== 3 || !(status >= 100 && status <= 599)) {
      this.fault ||= 'Its :status is no status.'
      return
    }
    this.status = status
    copy(bytes, start, end, this.lines.bytes, statusAt)
  }

  #takeLength(bytes: Uint8Array, start: number, end: number): void {
    let length = 0
    for (let at = start; at < end; at++) {
      const digit = bytes[at] - 0x30
      if (digit < 0 || digit > 9) this.fault ||= 'Its content-length is no number.'
      length = length * 10 + digit
    }
    if (start === end || end - start > 15 || this.contentLength !== -1)
      this.fault ||= 'Its content-length is not right.'
    this.contentLength = length
  }
}
