import { code } from './error-codes.js'
import { defaultWindow, maxFrameBytes, maxWindow } from './frame-types.js'

/** RFC 9113, section 6.5.2, and RFC 8441, section 3. */
export const headerTableSize = 0x1
export const enablePush = 0x2
export const maxConcurrentStreams = 0x3
export const initialWindowSize = 0x4
export const maxFrameSize = 0x5
export const maxHeaderListSize = 0x6
export const enableConnectProtocol = 0x8

const largestFrame = 16_777_215

/** What is wrong with a setting. */
export interface SettingsFault {
  readonly errorCode: number
  readonly detail: string
}

/** What the peer allows us, as its SETTINGS say; before they come, what RFC 9113 begins with. */
export class PeerSettings {
  headerTableSize = 4096
  /** Streams that we may have open; a server's side ignores it, as it opens none. */
  maxConcurrentStreams = Number.POSITIVE_INFINITY
  initialWindow = defaultWindow
  maxFrameBytes = maxFrameBytes
  maxHeaderListSize = Number.POSITIVE_INFINITY
  /** The peer is a server that takes extended CONNECT. */
  hasConnectProtocol = false
  readonly #isServer: boolean

  constructor({ of }: { of: 'client' | 'server' }) {
    this.#isServer = of === 'server'
  }

  /** Takes the settings in `bytes[start, end)`, six bytes each, in their order; null when all are valid. Unknown ones are ignored. */
  take(bytes: Uint8Array, start: number, end: number): SettingsFault | null {
    for (let at = start; at < end; at += 6) {
      const id = (bytes[at] << 8) | bytes[at + 1]
      const value = bytes[at + 2] * 0x1000000 + ((bytes[at + 3] << 16) | (bytes[at + 4] << 8) | bytes[at + 5])
      const fault = this.#set(id, value)
      if (fault !== null) return fault
    }
    return null
  }

  #set(id: number, value: number): SettingsFault | null {
    switch (id) {
      case headerTableSize:
        this.headerTableSize = value
        return null
      case enablePush:
        if (value > 1 || (this.#isServer && value === 1)) return invalid('ENABLE_PUSH', value)
        return null
      case maxConcurrentStreams:
        this.maxConcurrentStreams = value
        return null
      case initialWindowSize:
        if (value > maxWindow) return { ...invalid('INITIAL_WINDOW_SIZE', value), errorCode: code.flowControlError }
        this.initialWindow = value
        return null
      case maxFrameSize:
        if (value < maxFrameBytes || value > largestFrame) return invalid('MAX_FRAME_SIZE', value)
        this.maxFrameBytes = value
        return null
      case maxHeaderListSize:
        this.maxHeaderListSize = value
        return null
      case enableConnectProtocol:
        // It may not be taken back (RFC 8441 section 3).
        if (value > 1 || (this.hasConnectProtocol && value === 0)) return invalid('ENABLE_CONNECT_PROTOCOL', value)
        this.hasConnectProtocol = value === 1
        return null
      default:
        return null
    }
  }
}

function invalid(name: string, value: number): SettingsFault {
  return { errorCode: code.protocolError, detail: `SETTINGS_${name} cannot be ${value}.` }
}
