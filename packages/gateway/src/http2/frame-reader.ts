import { code } from './error-codes.js'
import * as frame from './frame-types.js'

/** What a field section says beside its fields. */
export interface SectionFlags {
  readonly isEndStream: boolean
  /** Its priority makes the stream depend on itself: a stream error (RFC 7540 section 5.3.1), though the section counts for HPACK. */
  readonly dependsOnItself: boolean
}

/** Who is told what the frames say. Byte ranges are valid during the call only. */
export interface FrameSink {
  /** A DATA frame begins; `length` is what counts for flow control (padding too), `dataLength` what `onData` will bring of it. */
  onDataStart(stream: number, length: number, dataLength: number): void
  /** Some of the frame's data, never none. */
  onData(stream: number, bytes: Uint8Array, start: number, end: number): void
  onDataEnd(stream: number, isEndStream: boolean): void
  /** A whole field section, put together from HEADERS and what continued it. */
  onSection(stream: number, bytes: Uint8Array, start: number, end: number, flags: SectionFlags): void
  onPriority(stream: number): void
  onReset(stream: number, errorCode: number): void
  /** Six bytes a setting. */
  onSettings(bytes: Uint8Array, start: number, end: number): void
  onSettingsAck(): void
  onPing(isAck: boolean, bytes: Uint8Array, start: number): void
  onGoaway(lastStream: number, errorCode: number): void
  /** Stream 0 is the connection. The increment is never 0. */
  onWindowUpdate(stream: number, increment: number): void
  /** A frame of a type that is not known here, which is to be ignored (RFC 9113 section 4.1). */
  onUnknown(): void
  onStreamError(stream: number, errorCode: number, detail: string): void
  /** Nothing is read after this. */
  onConnectionError(errorCode: number, detail: string): void
}

const sectionFlags = [false, true].map((isEndStream) =>
  [false, true].map((dependsOnItself): SectionFlags => ({ isEndStream, dependsOnItself })),
)
/** Beyond what a section of the largest size needs at frames of the usual size: then it is not read, but a flood (CVE-2024-27316). */
const mostContinuations = 16
const noBytes = Buffer.alloc(0)

/**
 * Reads the frames of one side of a connection (RFC 9113 sections 4 and 6) off whatever pieces come, checks all that a frame says by
 * itself, and tells its sink; what a frame means for a stream or a window is the sink's to judge. A frame that came whole is read where it
 * lies. Data is passed on as it comes; other frames that came in pieces, and sections that go over several frames, are gathered.
 */
export class FrameReader {
  /** Whether frames have begun: the preface and the first SETTINGS have come. */
  hasBegun = false
  /** Frames whose heads have come. */
  count = 0
  readonly #sink: FrameSink
  readonly #maxSectionBytes: number
  /** Bytes of the preface that have come. A server's side of a connection begins without one. */
  #prefaceLength: number
  #isStopped = false
  /** A frame's nine bytes and, of padded data, the one behind them, when they came in pieces; empty until that happens. */
  #head: Uint8Array = noBytes
  #headLength = 0
  #length = 0
  #type = 0
  #flags = 0
  #stream = 0
  /** The payload of a frame that is gathered; empty when there is none. */
  #payload: Buffer = noBytes
  #payloadLength = 0
  #isInData = false
  #dataLeft = 0
  #paddingLeft = 0
  /** The stream whose section is not at its end yet; 0 is none. */
  #sectionStream = 0
  #sectionFlags = sectionFlags[0][0]
  #section: Buffer = noBytes
  #sectionLength = 0
  #continuations = 0

  /** `reads`: whose frames these are. `maxSectionBytes`: of one section as it is sent, compressed. */
  constructor(sink: FrameSink, { reads, maxSectionBytes }: { reads: 'client' | 'server'; maxSectionBytes: number }) {
    this.#sink = sink
    this.#maxSectionBytes = maxSectionBytes
    this.#prefaceLength = reads === 'client' ? 0 : frame.preface.length
  }

  /** A frame or a field section has begun and is not whole. */
  get isInPart(): boolean {
    return this.#headLength > 0 || this.#payload.length > 0 || this.#sectionStream !== 0
  }

  /** Nothing more is read, also not of what `read` was given. */
  stop(): void {
    this.#isStopped = true
    this.#payload = noBytes
    this.#section = noBytes
  }

  read(bytes: Uint8Array, at: number, end: number): void {
    if (this.#prefaceLength < frame.preface.length) at = this.#readPreface(bytes, at, end)
    while (at < end && !this.#isStopped) {
      if (this.#isInData) at = this.#readData(bytes, at, end)
      else if (this.#payload.length > 0) at = this.#gather(bytes, at, end)
      else at = this.#readHead(bytes, at, end)
    }
  }

  #readPreface(bytes: Uint8Array, at: number, end: number): number {
    while (at < end && this.#prefaceLength < frame.preface.length) {
      if (bytes[at] !== frame.preface[this.#prefaceLength]) {
        this.#fail(code.protocolError, 'The connection does not begin with the preface of HTTP/2.')
        return end
      }
      at++
      this.#prefaceLength++
    }
    return at
  }

  /** Reads a frame's head, and all of the frame when it is there. */
  #readHead(bytes: Uint8Array, at: number, end: number): number {
    let head = bytes
    let start = at
    if (this.#headLength > 0 || this.#isHeadInPart(bytes, at, end)) {
      if (this.#head.length === 0) this.#head = new Uint8Array(frame.frameHeadBytes + 1)
      const before = this.#headLength
      const wanted = frame.frameHeadBytes - before
      // A second time round when there is a padding byte to fetch.
      const take = Math.min(end - at, wanted > 0 ? wanted : 1)
      for (let index = 0; index < take; index++) this.#head[before + index] = bytes[at + index]
      this.#headLength += take
      at += take
      if (this.#headLength < frame.frameHeadBytes) return at
      head = this.#head
      start = 0
    } else {
      at += frame.frameHeadBytes
    }
    this.count++
    this.#length = (head[start] << 16) | (head[start + 1] << 8) | head[start + 2]
    this.#type = head[start + 3]
    this.#flags = head[start + 4]
    this.#stream = number31(head, start + 5)
    if (this.#length > frame.maxFrameBytes) {
      this.#fail(code.frameSizeError, `A frame has ${this.#length} bytes; ${frame.maxFrameBytes} are allowed.`)
      return end
    }
    if (!this.#isInPlace()) return end
    if (this.#type === frame.dataFrame) return this.#beginData(bytes, at, end)
    this.#headLength = 0
    if (end - at >= this.#length) {
      this.#take(bytes, at, at + this.#length)
      return at + this.#length
    }
    this.#payload = Buffer.allocUnsafe(this.#length)
    this.#payloadLength = 0
    return at
  }

  #isHeadInPart(bytes: Uint8Array, at: number, end: number): boolean {
    const length = end - at
    if (length > frame.frameHeadBytes) return false
    return (
      length < frame.frameHeadBytes || (bytes[at + 3] === frame.dataFrame && (bytes[at + 4] & frame.paddedFlag) !== 0)
    )
  }

  /** Whether a frame of this type may come now (RFC 9113 sections 3.4 and 6.10). */
  #isInPlace(): boolean {
    const type = this.#type
    if (!this.hasBegun) {
      if (type !== frame.settingsFrame || (this.#flags & frame.ackFlag) !== 0) {
        return this.#fail(code.protocolError, 'The first frame is not SETTINGS.')
      }
      this.hasBegun = true
    }
    if (this.#sectionStream !== 0 && (type !== frame.continuationFrame || this.#stream !== this.#sectionStream)) {
      return this.#fail(code.protocolError, 'A field section was not continued by the next frame.')
    }
    return true
  }

  #beginData(bytes: Uint8Array, at: number, end: number): number {
    if (this.#stream === 0) {
      this.#fail(code.protocolError, 'DATA has no stream.')
      return end
    }
    let padding = 0
    let dataLength = this.#length
    if ((this.#flags & frame.paddedFlag) !== 0) {
      if (this.#length === 0) {
        this.#fail(code.frameSizeError, 'DATA is too short for its padding.')
        return end
      }
      if (this.#headLength > frame.frameHeadBytes) {
        padding = this.#head[frame.frameHeadBytes]
      } else if (at < end) {
        padding = bytes[at++]
      } else {
        // The padding's length has not come yet. The head is whole and will be looked at again together with it.
        return at
      }
      dataLength -= padding + 1
      if (dataLength < 0) {
        this.#fail(code.protocolError, 'DATA has more padding than payload.')
        return end
      }
    }
    this.#headLength = 0
    this.#dataLeft = dataLength
    this.#paddingLeft = padding
    this.#isInData = true
    this.#sink.onDataStart(this.#stream, this.#length, dataLength)
    return this.#isStopped ? end : this.#readData(bytes, at, end)
  }

  #readData(bytes: Uint8Array, at: number, end: number): number {
    if (this.#dataLeft > 0) {
      const take = Math.min(this.#dataLeft, end - at)
      if (take === 0) return at
      this.#dataLeft -= take
      this.#sink.onData(this.#stream, bytes, at, at + take)
      at += take
      if (this.#dataLeft > 0 || this.#isStopped) return at
    }
    const skip = Math.min(this.#paddingLeft, end - at)
    this.#paddingLeft -= skip
    at += skip
    if (this.#paddingLeft > 0) return at
    this.#isInData = false
    this.#sink.onDataEnd(this.#stream, (this.#flags & frame.endStreamFlag) !== 0)
    return at
  }

  #gather(bytes: Uint8Array, at: number, end: number): number {
    const take = Math.min(this.#length - this.#payloadLength, end - at)
    this.#payload.set(bytes.subarray(at, at + take), this.#payloadLength)
    this.#payloadLength += take
    if (this.#payloadLength === this.#length) {
      const payload = this.#payload
      this.#payload = noBytes
      this.#take(payload, 0, this.#length)
    }
    return at + take
  }

  /** A whole frame other than DATA. */
  #take(bytes: Uint8Array, at: number, end: number): void {
    const stream = this.#stream
    switch (this.#type) {
      case frame.headersFrame:
        this.#takeHeaders(bytes, at, end)
        return
      case frame.continuationFrame:
        this.#takeContinuation(bytes, at, end)
        return
      case frame.priorityFrame:
        if (stream === 0) this.#fail(code.protocolError, 'PRIORITY has no stream.')
        else if (end - at !== 5) this.#sink.onStreamError(stream, code.frameSizeError, 'PRIORITY has not 5 bytes.')
        else if (number31(bytes, at) === stream) {
          this.#sink.onStreamError(stream, code.protocolError, 'The stream depends on itself.')
        } else this.#sink.onPriority(stream)
        return
      case frame.resetFrame:
        if (stream === 0) this.#fail(code.protocolError, 'RST_STREAM has no stream.')
        else if (end - at !== 4) this.#fail(code.frameSizeError, 'RST_STREAM has not 4 bytes.')
        else this.#sink.onReset(stream, number32(bytes, at))
        return
      case frame.settingsFrame:
        this.#takeSettings(bytes, at, end)
        return
      case frame.pushPromiseFrame:
        // A client never pushes, and servers are told not to.
        this.#fail(code.protocolError, 'PUSH_PROMISE is not allowed.')
        return
      case frame.pingFrame:
        if (stream !== 0) this.#fail(code.protocolError, 'PING is on a stream.')
        else if (end - at !== 8) this.#fail(code.frameSizeError, 'PING has not 8 bytes.')
        else this.#sink.onPing((this.#flags & frame.ackFlag) !== 0, bytes, at)
        return
      case frame.goawayFrame:
        if (stream !== 0) this.#fail(code.protocolError, 'GOAWAY is on a stream.')
        else if (end - at < 8) this.#fail(code.frameSizeError, 'GOAWAY has less than 8 bytes.')
        else this.#sink.onGoaway(number31(bytes, at), number32(bytes, at + 4))
        return
      case frame.windowUpdateFrame:
        this.#takeWindowUpdate(bytes, at, end)
        return
      default:
        this.#sink.onUnknown()
    }
  }

  #takeHeaders(bytes: Uint8Array, at: number, end: number): void {
    const flags = this.#flags
    if (this.#stream === 0) {
      this.#fail(code.protocolError, 'HEADERS has no stream.')
      return
    }
    const isPadded = (flags & frame.paddedFlag) !== 0
    const hasPriority = (flags & frame.priorityFlag) !== 0
    if (end - at < (isPadded ? 1 : 0) + (hasPriority ? 5 : 0)) {
      this.#fail(code.frameSizeError, 'HEADERS is too short for what its flags say.')
      return
    }
    if (isPadded) end -= bytes[at++]
    const dependsOnItself = hasPriority && number31(bytes, at) === this.#stream
    if (hasPriority) at += 5
    if (end < at) {
      this.#fail(code.protocolError, 'HEADERS has more padding than payload.')
      return
    }
    const isEndStream = (flags & frame.endStreamFlag) !== 0
    const told = sectionFlags[isEndStream ? 1 : 0][dependsOnItself ? 1 : 0]
    if ((flags & frame.endHeadersFlag) !== 0) {
      this.#sink.onSection(this.#stream, bytes, at, end, told)
      return
    }
    this.#sectionStream = this.#stream
    this.#sectionFlags = told
    this.#sectionLength = 0
    this.#continuations = 0
    this.#append(bytes, at, end)
  }

  #takeContinuation(bytes: Uint8Array, at: number, end: number): void {
    if (this.#sectionStream === 0) {
      this.#fail(code.protocolError, 'CONTINUATION continues nothing.')
      return
    }
    const most = mostContinuations + Math.ceil(this.#maxSectionBytes / frame.maxFrameBytes)
    if (++this.#continuations > most) {
      this.#fail(code.enhanceYourCalm, `A field section goes over more than ${most} CONTINUATION frames.`)
      return
    }
    if (!this.#append(bytes, at, end) || (this.#flags & frame.endHeadersFlag) === 0) return
    const stream = this.#sectionStream
    const section = this.#section
    this.#sectionStream = 0
    this.#section = noBytes
    this.#sink.onSection(stream, section, 0, this.#sectionLength, this.#sectionFlags)
  }

  #append(bytes: Uint8Array, at: number, end: number): boolean {
    const length = this.#sectionLength + (end - at)
    if (length > this.#maxSectionBytes) {
      return this.#fail(code.enhanceYourCalm, `A field section has more than ${this.#maxSectionBytes} bytes.`)
    }
    if (length > this.#section.length) {
      const larger = Buffer.allocUnsafe(Math.min(this.#maxSectionBytes, length * 2))
      larger.set(this.#section.subarray(0, this.#sectionLength))
      this.#section = larger
    }
    this.#section.set(bytes.subarray(at, end), this.#sectionLength)
    this.#sectionLength = length
    return true
  }

  #takeSettings(bytes: Uint8Array, at: number, end: number): void {
    if (this.#stream !== 0) {
      this.#fail(code.protocolError, 'SETTINGS is on a stream.')
    } else if ((this.#flags & frame.ackFlag) !== 0) {
      if (end > at) this.#fail(code.frameSizeError, 'An acknowledgement of SETTINGS has a payload.')
      else this.#sink.onSettingsAck()
    } else if ((end - at) % 6 !== 0) {
      this.#fail(code.frameSizeError, 'SETTINGS is no multiple of 6 bytes.')
    } else {
      this.#sink.onSettings(bytes, at, end)
    }
  }

  #takeWindowUpdate(bytes: Uint8Array, at: number, end: number): void {
    const stream = this.#stream
    if (end - at !== 4) {
      this.#fail(code.frameSizeError, 'WINDOW_UPDATE has not 4 bytes.')
      return
    }
    const increment = number31(bytes, at)
    if (increment > 0) this.#sink.onWindowUpdate(stream, increment)
    else if (stream === 0) this.#fail(code.protocolError, 'WINDOW_UPDATE adds nothing.')
    else this.#sink.onStreamError(stream, code.protocolError, 'WINDOW_UPDATE adds nothing.')
  }

  #fail(errorCode: number, detail: string): false {
    this.stop()
    this.#sink.onConnectionError(errorCode, detail)
    return false
  }
}

/** A reserved bit and 31 bits. */
function number31(bytes: Uint8Array, at: number): number {
  return ((bytes[at] & 0x7f) << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]
}

function number32(bytes: Uint8Array, at: number): number {
  return number31(bytes, at) + (bytes[at] & 0x80 ? 0x80000000 : 0)
}
