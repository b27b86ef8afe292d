/** The fields of a head, or those behind a body, as byte ranges. */
export interface FieldsView {
  bytes: Uint8Array
  headerCount: number
  /** Four numbers a header, in `bytes`: name start, name end, value start, value end (value without surrounding white space). */
  headers: Int32Array
}

/**
 * A request's head as the routing table sees it: byte ranges, no strings. The parser owns and reuses it; nothing may keep it
 * beyond the call that it was passed to.
 */
export interface RequestView extends FieldsView {
  methodStart: number
  methodEnd: number
  /** The path in its one normal form (see `normal-path.ts`): this is what routes match and what goes upstream. */
  path: Uint8Array
  pathLength: number
  /** Raw query without `?`, in `bytes`; start === end when there is none. */
  queryStart: number
  queryEnd: number
  /** Host without port, in `bytes`, as sent (compare without case); start === end when the request has an empty Host. */
  hostStart: number
  hostEnd: number
}
