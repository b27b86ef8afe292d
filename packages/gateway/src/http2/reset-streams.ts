const remembered = 128

/**
 * The streams of a connection that were reset from here lately: the peer may have sent more before it knew, and that is to be ignored
 * (RFC 9113 section 5.1, "closed"). On a stream that the peer itself ended nothing may follow, which is its mistake.
 */
export class ResetStreams {
  #ring: Int32Array | null = null
  #count = 0

  add(stream: number): void {
    this.#ring ??= new Int32Array(remembered)
    this.#ring[this.#count++ % remembered] = stream
  }

  has(stream: number): boolean {
    return this.#ring !== null && this.#ring.includes(stream)
  }

  /** Some have been forgotten again: of an older stream it cannot be told. */
  get hasForgotten(): boolean {
    return this.#count > remembered
  }
}
