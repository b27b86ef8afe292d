import { ascii } from '../http1/chars.js'

/** RFC 9113, section 6. */
export const dataFrame = 0x0
export const headersFrame = 0x1
export const priorityFrame = 0x2
export const resetFrame = 0x3
export const settingsFrame = 0x4
export const pushPromiseFrame = 0x5
export const pingFrame = 0x6
export const goawayFrame = 0x7
export const windowUpdateFrame = 0x8
export const continuationFrame = 0x9

export const endStreamFlag = 0x1
export const ackFlag = 0x1
export const endHeadersFlag = 0x4
export const paddedFlag = 0x8
export const priorityFlag = 0x20

export const frameHeadBytes = 9
/** The largest payload that every peer takes (RFC 9113 section 4.2), and the largest that we take. */
export const maxFrameBytes = 16_384
export const defaultWindow = 65_535
export const maxWindow = 0x7fffffff

/** What a client sends first (RFC 9113 section 3.4). */
export const preface = ascii('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
