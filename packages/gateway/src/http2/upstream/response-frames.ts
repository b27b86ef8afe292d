import type { Head } from '../../http1/head.js'
import { complete } from '../../http1/head-parser.js'
import { code } from '../error-codes.js'
import type { FrameSink, SectionFlags } from '../frame-reader.js'
import * as frame from '../frame-types.js'
import { decoded, HpackDecoder, tooLarge } from '../hpack/decoder.js'
import { ResponseLines } from './response-lines.js'
import type { Http2UpstreamConnection } from './upstream-connection.js'
import type { Http2UpstreamStream } from './upstream-stream.js'

/** What a service may send of a response before we take more, and of all responses on a connection. */
export const streamWindow = 256 * 1024
export const connectionWindow = 4 * 1024 * 1024
/** Of one head, as it is sent and as it is decoded. */
export const maxSectionBytes = 64 * 1024

/** What a service's frames mean for the streams of one connection (RFC 9113 sections 5 and 8). */
export class ResponseFrames implements FrameSink {
  readonly #connection: Http2UpstreamConnection
  readonly #decoder = new HpackDecoder(4096)
  readonly #lines = new ResponseLines()
  #received = 0

  constructor(connection: Http2UpstreamConnection) {
    this.#connection = connection
  }

  onDataStart(stream: number, length: number): void {
    this.#received += length
    if (this.#received > connectionWindow) {
      this.onConnectionError(code.flowControlError, 'It sends more than the window of the connection.')
      return
    }
    if (this.#received >= connectionWindow / 2) {
      this.#connection.control.updateWindow(0, this.#received)
      this.#received = 0
    }
    const found = this.#connection.streams.get(stream)
    if (found === undefined) {
      this.#onClosedStream(stream, 'DATA')
      return
    }
    found.received += length
    if (found.received > streamWindow)
      this.onStreamError(stream, code.flowControlError, 'It sends more than its window.')
    else if (found.isRemoteDone) this.onStreamError(stream, code.streamClosed, 'DATA behind the end of its answer.')
    else if (!found.hasHead) this.onStreamError(stream, code.protocolError, 'DATA before the head of its answer.')
  }

  onData(stream: number, bytes: Uint8Array, start: number, end: number): void {
    const found = this.#connection.streams.get(stream)
    if (found === undefined) return
    if (found.expected !== -1) {
      found.expected -= end - start
      if (found.expected < 0) {
        this.onStreamError(stream, code.protocolError, 'Its body is longer than its content-length.')
        return
      }
    }
    found.exchange?.onResponseBytes(bytes, start, end)
  }

  onDataEnd(stream: number, isEndStream: boolean): void {
    const found = this.#connection.streams.get(stream)
    if (found === undefined) return
    if (isEndStream) this.#endOf(found, false)
    // Padding counts against the window too, and a frame may be nothing else (RFC 9113 section 6.9.1).
    else this.#connection.giveRoom(found)
  }

  onSection(id: number, bytes: Uint8Array, start: number, end: number, flags: SectionFlags): void {
    const stream = this.#connection.streams.get(id)
    const lines = this.#lines
    const isTrailers = stream?.hasHead === true
    lines.begin(isTrailers)
    const outcome = this.#decoder.decode(bytes, start, end, {
      lines: lines.lines,
      sink: lines,
      maxListSize: maxSectionBytes,
    })
    if (outcome === tooLarge) {
      if (stream !== undefined) this.onStreamError(id, code.cancel, `Its head has more than ${maxSectionBytes} bytes.`)
      return
    }
    if (outcome !== decoded) {
      this.onConnectionError(code.compressionError, 'A field section cannot be decoded.')
      return
    }
    if (stream === undefined) {
      this.#onClosedStream(id, 'HEADERS')
      return
    }
    if (stream.isRemoteDone) {
      this.onStreamError(id, code.streamClosed, 'HEADERS behind the end of its answer.')
      return
    }
    if (!lines.end() || (isTrailers && !flags.isEndStream)) {
      this.onStreamError(id, code.protocolError, lines.fault || 'A second head that does not end the stream.')
      return
    }
    if (isTrailers) {
      this.#endOf(stream, true)
      return
    }
    const { status } = lines
    const isInterim = status < 200
    if (isInterim && (flags.isEndStream || status === 101)) {
      this.onStreamError(id, code.protocolError, 'An interim response that is the last, or that switches protocols.')
      return
    }
    if (!isInterim) {
      stream.hasHead = true
      // The answer to HEAD says what GET would be told; 304 too.
      stream.expected = flags.isEndStream || status === 204 || status === 304 ? -1 : lines.contentLength
      stream.isRemoteDone = flags.isEndStream
    }
    const { bytes: head, length } = lines.lines
    stream.exchange?.onResponseBytes(head, 0, length)
    if (flags.isEndStream && this.#connection.streams.has(id)) this.#endOf(stream, false)
  }

  onPriority(): void {
    // A server's wish of no meaning.
  }

  onReset(id: number, errorCode: number): void {
    const stream = this.#connection.streams.get(id)
    if (stream === undefined) {
      if (!this.#connection.hasOpened(id)) this.#onIdleStream('RST_STREAM')
      return
    }
    const { exchange } = stream
    const wasDone = stream.isRemoteDone
    stream.exchange = null
    this.#connection.remove(stream)
    if (exchange === null) return
    if (errorCode === code.refusedStream) exchange.onUpstreamRefused(stream, 'it refused the stream')
    else exchange.onUpstreamClosed(stream, wasDone ? '' : `it reset the stream (${nameOf(errorCode)})`)
  }

  onSettings(bytes: Uint8Array, start: number, end: number): void {
    const before = this.#connection.peer.initialWindow
    const fault = this.#connection.peer.take(bytes, start, end)
    if (fault !== null) {
      this.onConnectionError(fault.errorCode, fault.detail)
      return
    }
    this.#connection.sender.limitTable(this.#connection.peer.headerTableSize)
    if (this.#connection.mayAnswer()) this.#connection.control.acknowledge()
    const change = this.#connection.peer.initialWindow - before
    if (change === 0) return
    for (const stream of this.#connection.streams.values()) stream.sendWindow += change
    if (change > 0) this.#connection.giveAll()
  }

  onSettingsAck(): void {
    // Ours never change.
  }

  onPing(isAck: boolean, bytes: Uint8Array, start: number): void {
    if (isAck) {
      this.#connection.onPong()
      return
    }
    if (this.#connection.mayAnswer()) this.#connection.control.pong(bytes, start)
  }

  onGoaway(lastStream: number): void {
    this.#connection.onGoaway(lastStream)
  }

  onWindowUpdate(id: number, increment: number): void {
    if (id === 0) {
      this.#connection.sender.window += increment
      if (this.#connection.sender.window > frame.maxWindow) {
        this.onConnectionError(code.flowControlError, 'The window of the connection is above 2^31 - 1.')
        return
      }
      this.#connection.giveAll()
      return
    }
    const stream = this.#connection.streams.get(id)
    if (stream === undefined) {
      if (!this.#connection.hasOpened(id)) this.#onIdleStream('WINDOW_UPDATE')
      return
    }
    stream.sendWindow += increment
    if (stream.sendWindow > frame.maxWindow)
      this.onStreamError(id, code.flowControlError, 'The window of the stream is above 2^31 - 1.')
    else stream.onRoom()
  }

  onUnknown(): void {
    // To be ignored.
  }

  onStreamError(id: number, errorCode: number, detail: string): void {
    const stream = this.#connection.streams.get(id)
    if (stream === undefined) {
      if (this.#connection.hasOpened(id)) this.#connection.resetClosed(id, errorCode)
      else this.onConnectionError(errorCode, detail)
      return
    }
    const { exchange } = stream
    stream.exchange = null
    this.#connection.reset(stream, errorCode)
    exchange?.onUpstreamInvalid(stream, detail)
  }

  onConnectionError(errorCode: number, detail: string): void {
    this.#connection.control.goaway(0, errorCode, detail)
    this.#connection.fail(`that is not HTTP/2: ${detail}`)
  }

  /** HEADERS or DATA: an error of that stream alone, as nobody else's answer is in doubt (RFC 9113 sections 5.1 and 6.1). */
  #onClosedStream(id: number, frameName: string): void {
    if (this.#connection.hasOpened(id)) this.#connection.resetClosed(id, code.streamClosed)
    else this.#onIdleStream(frameName)
  }

  /** RFC 9113 section 5.1, "idle". */
  #onIdleStream(frameName: string): void {
    this.onConnectionError(code.protocolError, `${frameName} on a stream that is not open.`)
  }

  /** The service's side of the stream is over. */
  #endOf(stream: Http2UpstreamStream, hasTrailers: boolean): void {
    if (stream.expected > 0) {
      this.onStreamError(stream.id, code.protocolError, 'Its body is shorter than its content-length.')
      return
    }
    let trailers: Head | null = null
    if (hasTrailers) {
      const { lines } = this.#lines
      if (stream.head.read(lines.bytes, 0, lines.length) !== complete) {
        this.onStreamError(stream.id, code.protocolError, 'Its trailers are too many.')
        return
      }
      trailers = stream.head.parser
    }
    stream.isRemoteDone = true
    stream.exchange?.onUpstreamEnd(stream, trailers)
    if (stream.exchange === null && stream.isSendingOver) this.#connection.remove(stream)
  }
}

const names = new Map<number, string>(Object.entries(code).map(([name, value]) => [value, name]))

function nameOf(errorCode: number): string {
  return names.get(errorCode) ?? String(errorCode)
}
