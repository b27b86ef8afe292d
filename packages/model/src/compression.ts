export type ContentCoding = 'br' | 'gzip'

/** Which answers of a route the gateway compresses for clients that ask for it. */
export interface CompressionSpec {
  /** In order of preference. */
  readonly codings: readonly ContentCoding[]
  /** Media types without parameters, in lower case; `text/*` is every subtype. */
  readonly types: readonly string[]
  /** Smaller answers are sent as they are. */
  readonly minBytes: number
}
