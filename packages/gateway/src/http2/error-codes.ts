/** RFC 9113, section 7. */
export const code = {
  noError: 0x0,
  protocolError: 0x1,
  internalError: 0x2,
  flowControlError: 0x3,
  settingsTimeout: 0x4,
  streamClosed: 0x5,
  frameSizeError: 0x6,
  refusedStream: 0x7,
  cancel: 0x8,
  compressionError: 0x9,
  connectError: 0xa,
  enhanceYourCalm: 0xb,
  inadequateSecurity: 0xc,
  http11Required: 0xd,
} as const

const names = new Map(
  Object.entries(code).map(([name, value]) => [value as number, name.replace(/[A-Z]/g, '_$&').toUpperCase()]),
)

/** As the RFC spells it: `ENHANCE_YOUR_CALM`. */
export function codeName(errorCode: number): string {
  return names.get(errorCode) ?? 'UNKNOWN'
}
