import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { code } from './error-codes.js'
import { FrameReader, type FrameSink } from './frame-reader.js'
import * as frame from './frame-types.js'
import {
  putFrameHead,
  putGoaway,
  putPing,
  putReset,
  putSettings,
  putSettingsAck,
  putWindowUpdate,
} from './frame-writer.js'
import { PeerSettings } from './settings.js'

/** Writes down what it is told; data that comes in pieces is written down as one. */
class Notes implements FrameSink {
  readonly notes: string[] = []
  #data = ''

  onDataStart(stream: number, length: number, dataLength: number): void {
    this.notes.push(`data ${stream} of ${length}, ${dataLength}`)
  }
  onData(_stream: number, bytes: Uint8Array, start: number, end: number): void {
    this.#data += Buffer.from(bytes.subarray(start, end)).toString('hex')
  }
  onDataEnd(stream: number, isEndStream: boolean): void {
    this.notes.push(`data end ${stream} ${isEndStream} ${this.#data}`)
    this.#data = ''
  }
  onSection(
    stream: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    flags: { isEndStream: boolean; dependsOnItself: boolean },
  ): void {
    const text = Buffer.from(bytes.subarray(start, end)).toString('hex')
    this.notes.push(`section ${stream} ${flags.isEndStream} ${flags.dependsOnItself} ${text}`)
  }
  onPriority(stream: number): void {
    this.notes.push(`priority ${stream}`)
  }
  onReset(stream: number, errorCode: number): void {
    this.notes.push(`reset ${stream} ${errorCode}`)
  }
  onSettings(bytes: Uint8Array, start: number, end: number): void {
    this.notes.push(`settings ${Buffer.from(bytes.subarray(start, end)).toString('hex')}`)
  }
  onSettingsAck(): void {
    this.notes.push('settings ack')
  }
  onPing(isAck: boolean, bytes: Uint8Array, start: number): void {
    this.notes.push(`ping ${isAck} ${Buffer.from(bytes.subarray(start, start + 8)).toString('hex')}`)
  }
  onGoaway(lastStream: number, errorCode: number): void {
    this.notes.push(`goaway ${lastStream} ${errorCode}`)
  }
  onWindowUpdate(stream: number, increment: number): void {
    this.notes.push(`window ${stream} ${increment}`)
  }
  onUnknown(): void {
    this.notes.push('unknown')
  }
  onStreamError(stream: number, errorCode: number): void {
    this.notes.push(`stream error ${stream} ${errorCode}`)
  }
  onConnectionError(errorCode: number): void {
    this.notes.push(`connection error ${errorCode}`)
  }
}

function made(type: number, flags: number, stream: number, payload = ''): Buffer {
  const body = Buffer.from(payload.replaceAll(' ', ''), 'hex')
  const bytes = Buffer.alloc(9 + body.length)
  putFrameHead(bytes, 0, { length: body.length, type, flags, stream })
  bytes.set(body, 9)
  return bytes
}

/** What a writer of one frame writes. */
function written(write: (out: Uint8Array) => number): Buffer {
  const out = Buffer.alloc(400)
  return out.subarray(0, write(out))
}

const settings = written((out) => putSettings(out, 0, []))
const maxSectionBytes = 20_000

function read(pieces: readonly Uint8Array[], reads: 'client' | 'server' = 'server'): string[] {
  const notes = new Notes()
  const reader = new FrameReader(notes, { reads, maxSectionBytes })
  for (const piece of pieces) reader.read(piece, 0, piece.length)
  return notes.notes
}

/** What the frames say that follow the first SETTINGS. */
function readFrames(...frames: Buffer[]): string[] {
  const [first, ...notes] = read([Buffer.concat([settings, ...frames])])
  expect(first).toBe('settings ')
  return notes
}

const { dataFrame, headersFrame, continuationFrame, settingsFrame, endHeadersFlag, endStreamFlag, paddedFlag } = frame

describe('the beginning (RFC 9113 section 3.4)', () => {
  it('is the preface and SETTINGS from a client', () => {
    expect(read([frame.preface, settings], 'client')).toEqual(['settings '])
  })

  it('is SETTINGS from a server', () => {
    expect(read([settings])).toEqual(['settings '])
  })

  it.each([
    ['another preface', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a preface with a wrong last byte', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\rx')],
    ['another first frame', Buffer.concat([frame.preface, made(frame.pingFrame, 0, 0, '0000000000000000')])],
    ['an acknowledgement first', Buffer.concat([frame.preface, made(settingsFrame, 1, 0)])],
  ])('is refused: %s', (_name, bytes) => {
    expect(read([bytes], 'client')).toEqual([`connection error ${code.protocolError}`])
  })

  it('says nothing of a preface that is not whole', () => {
    expect(read([frame.preface.subarray(0, 23)], 'client')).toEqual([])
  })
})

describe('what frames say', () => {
  it.each([
    ['data', made(dataFrame, 0, 1, '616263'), ['data 1 of 3, 3', 'data end 1 false 616263']],
    ['data and the end', made(dataFrame, endStreamFlag, 1, '61'), ['data 1 of 1, 1', 'data end 1 true 61']],
    ['no data', made(dataFrame, endStreamFlag, 1), ['data 1 of 0, 0', 'data end 1 true ']],
    ['padded data', made(dataFrame, paddedFlag, 1, '02 61 0000'), ['data 1 of 4, 1', 'data end 1 false 61']],
    ['only padding', made(dataFrame, paddedFlag, 1, '02 0000'), ['data 1 of 3, 0', 'data end 1 false ']],
    ['a section', made(headersFrame, endHeadersFlag, 3, '82'), ['section 3 false false 82']],
    ['a last section', made(headersFrame, endHeadersFlag | 1, 3, '82'), ['section 3 true false 82']],
    ['a padded section', made(headersFrame, endHeadersFlag | paddedFlag, 3, '01 82 00'), ['section 3 false false 82']],
    ['one with a priority', made(headersFrame, 0x24, 3, '00000001 10 82'), ['section 3 false false 82']],
    ['one with both', made(headersFrame, 0x2c, 3, '01 80000001 10 82 00'), ['section 3 false false 82']],
    ['one that depends on itself', made(headersFrame, 0x24, 3, '80000003 10 82'), ['section 3 false true 82']],
    ['a priority', made(frame.priorityFrame, 0, 3, '0000000110'), ['priority 3']],
    ['a reset', written((out) => putReset(out, 0, 3, 8)), ['reset 3 8']],
    ['a reset with a large code', made(frame.resetFrame, 0, 3, 'ffffffff'), ['reset 3 4294967295']],
    ['settings', written((out) => putSettings(out, 0, [[4, 0x10203]])), ['settings 000400010203']],
    ['their acknowledgement', written((out) => putSettingsAck(out, 0)), ['settings ack']],
    ['a ping', written((out) => putPing(out, 0, false, Buffer.from('--12345678'), 2)), ['ping false 3132333435363738']],
    ['its answer', written((out) => putPing(out, 0, true, Buffer.alloc(8), 0)), ['ping true 0000000000000000']],
    ['goaway', written((out) => putGoaway(out, 0, 7, 11, 'calm')), ['goaway 7 11']],
    ['a window update', written((out) => putWindowUpdate(out, 0, 5, 0x7fffffff)), ['window 5 2147483647']],
    ['the reserved bit set', made(frame.windowUpdateFrame, 0, 5, '80000001'), ['window 5 1']],
    ['an unknown type', made(0x77, 0xff, 5, '01'), ['unknown']],
    ['unknown flags', made(frame.pingFrame, 0xfe, 0, '0000000000000000'), ['ping false 0000000000000000']],
  ])('%s', (_name, bytes, notes) => {
    expect(readFrames(bytes)).toEqual(notes)
  })

  it('puts a section together from what continues it (section 6.10)', () => {
    expect(
      readFrames(
        made(headersFrame, endStreamFlag, 3, '8286'),
        made(continuationFrame, 0, 3, ''),
        made(continuationFrame, 0, 3, '84'),
        made(continuationFrame, endHeadersFlag, 3, '87'),
        made(headersFrame, endHeadersFlag, 5, '82'),
      ),
    ).toEqual(['section 3 true false 82868487', 'section 5 false false 82'])
  })

  it('is the same however the bytes are cut', () => {
    const bytes = Buffer.concat([
      frame.preface,
      settings,
      made(headersFrame, 0x28, 1, '02 00000000 10 8286 0000'),
      made(continuationFrame, endHeadersFlag, 1, '84'),
      made(dataFrame, paddedFlag, 1, '05 616263 0000000000'),
      made(dataFrame, paddedFlag, 1, '00'),
      made(dataFrame, 0, 1),
      written((out) => putWindowUpdate(out, 0, 1, 9)),
      made(dataFrame, endStreamFlag, 1, '64'.repeat(40)),
      made(0x20, 0, 0, '00'.repeat(30)),
      written((out) => putGoaway(out, 0, 1, 0, 'bye')),
      made(frame.pingFrame, 0, 1, '00'),
    ])
    const whole = read([bytes], 'client')
    expect(whole.at(-1)).toBe(`connection error ${code.protocolError}`)
    expect(whole.length).toBe(14)
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat({ max: bytes.length }), { maxLength: 60 }), (cuts) => {
        const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
        const pieces = places.slice(1).map((end, index) => Buffer.from(bytes.subarray(places[index], end)))
        expect(read(pieces, 'client')).toEqual(whole)
      }),
    )
    expect(
      read(
        Array.from(bytes, (_, index) => bytes.subarray(index, index + 1)),
        'client',
      ),
    ).toEqual(whole)
  })
})

describe('connection errors', () => {
  const size = `connection error ${code.frameSizeError}`
  const protocol = `connection error ${code.protocolError}`
  const calm = `connection error ${code.enhanceYourCalm}`

  it.each([
    ['a frame over 16,384 bytes (4.2)', size, made(dataFrame, 0, 1, '00'.repeat(16_385))],
    ['DATA on stream 0 (6.1)', protocol, made(dataFrame, 0, 0, '00')],
    ['DATA without the length of its padding (6.1)', size, made(dataFrame, paddedFlag, 1)],
    ['DATA with as much padding as payload (6.1)', protocol, made(dataFrame, paddedFlag, 1, '0200')],
    ['HEADERS on stream 0 (6.2)', protocol, made(headersFrame, endHeadersFlag, 0, '82')],
    ['HEADERS without the length of its padding (6.2)', size, made(headersFrame, 0xc, 1)],
    ['HEADERS with more padding than payload (6.2)', protocol, made(headersFrame, 0xc, 1, '0282')],
    ['HEADERS too short for its priority (6.2)', size, made(headersFrame, 0x24, 1, '00000000')],
    ['PRIORITY on stream 0 (6.3)', protocol, made(frame.priorityFrame, 0, 0, '0000000110')],
    ['RST_STREAM on stream 0 (6.4)', protocol, made(frame.resetFrame, 0, 0, '00000000')],
    ['RST_STREAM of another length (6.4)', size, made(frame.resetFrame, 0, 1, '000000')],
    ['SETTINGS on a stream (6.5)', protocol, made(settingsFrame, 0, 1)],
    ['SETTINGS that are no multiple of six bytes (6.5)', size, made(settingsFrame, 0, 0, '0000000000')],
    ['an acknowledgement with a payload (6.5)', size, made(settingsFrame, 1, 0, '000400000000')],
    ['PUSH_PROMISE (6.6, 8.4)', protocol, made(frame.pushPromiseFrame, endHeadersFlag, 1, '00000002 82')],
    ['PING on a stream (6.7)', protocol, made(frame.pingFrame, 0, 1, '0000000000000000')],
    ['PING of another length (6.7)', size, made(frame.pingFrame, 0, 0, '000000000000')],
    ['GOAWAY on a stream (6.8)', protocol, made(frame.goawayFrame, 0, 1, '0000000000000000')],
    ['GOAWAY of less than eight bytes (6.8)', size, made(frame.goawayFrame, 0, 0, '00000000000000')],
    ['WINDOW_UPDATE of another length (6.9)', size, made(frame.windowUpdateFrame, 0, 1, '000001')],
    ['WINDOW_UPDATE by nothing of the connection (6.9)', protocol, made(frame.windowUpdateFrame, 0, 0, '00000000')],
    ['CONTINUATION of nothing (6.10)', protocol, made(continuationFrame, endHeadersFlag, 1, '82')],
    ['CONTINUATION of a section that is whole (6.10)', protocol, made(continuationFrame, endHeadersFlag, 0)],
    [
      'a section over its limit',
      calm,
      Buffer.concat([
        made(headersFrame, 0, 1, '00'.repeat(12_000)),
        made(continuationFrame, 4, 1, '00'.repeat(12_000)),
      ]),
    ],
    [
      'a flood of CONTINUATION (CVE-2024-27316)',
      calm,
      Buffer.concat([made(headersFrame, 0, 1), ...Array.from({ length: 30 }, () => made(continuationFrame, 0, 1))]),
    ],
  ])('%s', (_name, note, bytes) => {
    expect(readFrames(bytes, made(frame.pingFrame, 0, 0, '0000000000000000'))).toEqual([note])
  })

  it.each([
    ['another stream goes on (6.10)', made(continuationFrame, endHeadersFlag, 3, '84')],
    ['another type of frame comes (6.2)', made(dataFrame, 0, 1, '00')],
    ['an unknown type of frame comes (5.5)', made(0x99, 0, 1)],
    ['HEADERS come again (6.2)', made(headersFrame, endHeadersFlag, 1, '82')],
  ])('in the middle of a section %s', (_name, bytes) => {
    expect(readFrames(made(headersFrame, 0, 1, '82'), bytes)).toEqual([protocol])
  })
})

describe('stream errors', () => {
  it.each([
    ['PRIORITY of another length (6.3)', code.frameSizeError, made(frame.priorityFrame, 0, 3, '00000001')],
    ['PRIORITY on itself', code.protocolError, made(frame.priorityFrame, 0, 3, '0000000310')],
    ['WINDOW_UPDATE by nothing of a stream (6.9)', code.protocolError, made(frame.windowUpdateFrame, 0, 3, '00000000')],
  ])('%s', (_name, errorCode, bytes) => {
    expect(
      readFrames(
        bytes,
        written((out) => putReset(out, 0, 3, 8)),
      ),
    ).toEqual([`stream error 3 ${errorCode}`, 'reset 3 8'])
  })
})

function take(hex: string, of: 'client' | 'server' = 'client'): { peer: PeerSettings; fault: number | null } {
  const peer = new PeerSettings({ of })
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex')
  return { peer, fault: peer.take(bytes, 0, bytes.length)?.errorCode ?? null }
}

describe('settings (section 6.5.2)', () => {
  it('are taken in their order, unknown ones ignored', () => {
    const { peer, fault } = take(
      '0001 00000000 0003 00000064 0004 00000000 0004 7fffffff 0005 00ffffff 0006 00001000 00ff 00000001 0008 00000001',
    )
    expect(fault).toBe(null)
    expect(peer).toMatchObject({
      headerTableSize: 0,
      maxConcurrentStreams: 100,
      initialWindow: 0x7fffffff,
      maxFrameBytes: 0xffffff,
      maxHeaderListSize: 4096,
      hasConnectProtocol: true,
    })
  })

  it.each([
    ['ENABLE_PUSH of 2', code.protocolError, '0002 00000002', 'client'],
    ['ENABLE_PUSH of 1 by a server', code.protocolError, '0002 00000001', 'server'],
    ['a window of 2^31', code.flowControlError, '0004 80000000', 'client'],
    ['frames of less than 16,384 bytes', code.protocolError, '0005 00003fff', 'client'],
    ['frames of 2^24 bytes', code.protocolError, '0005 01000000', 'client'],
    ['ENABLE_CONNECT_PROTOCOL of 2', code.protocolError, '0008 00000002', 'server'],
    ['ENABLE_CONNECT_PROTOCOL taken back', code.protocolError, '0008 00000001 0008 00000000', 'server'],
  ] as const)('cannot be %s', (_name, errorCode, hex, of) => {
    expect(take(hex, of).fault).toBe(errorCode)
  })

  it('may switch push on or off from a client', () => {
    expect(take('0002 00000001 0002 00000000').fault).toBe(null)
  })
})
