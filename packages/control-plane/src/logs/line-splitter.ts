/** Longer lines are cut into pieces of this size, bytes. */
export const maxLineBytes = 65_536

export interface SplitLine {
  readonly text: string
  /** Where the line began, in the offsets given to `push`. */
  readonly offset: number
}

/** Makes lines of bytes. Bytes that are no UTF-8 become U+FFFD; the line end, `\n` or `\r\n`, is no part of the line. */
export class LineSplitter {
  #rest: Buffer = Buffer.alloc(0)
  #restOffset = 0

  /** True when a line has begun that has not ended. */
  get hasRest(): boolean {
    return this.#rest.length > 0
  }

  /** `offset` is where these bytes stand in their file. */
  *push(bytes: Buffer, offset: number): Generator<SplitLine> {
    let data = bytes
    let start = offset
    if (this.#rest.length > 0) {
      data = Buffer.concat([this.#rest, bytes])
      start = offset - this.#rest.length
    }
    let position = 0
    const lineOffset = (): number => (position === 0 && this.#rest.length > 0 ? this.#restOffset : start + position)
    for (;;) {
      const end = data.indexOf(10, position)
      const length = (end === -1 ? data.length : end) - position
      if (length > maxLineBytes) {
        const cut = wholeCharacters(data, position, position + maxLineBytes)
        yield { text: data.toString('utf8', position, cut), offset: lineOffset() }
        position = cut
        continue
      }
      if (end === -1) break
      const isCrLf = end > position && data[end - 1] === 13
      yield { text: data.toString('utf8', position, isCrLf ? end - 1 : end), offset: lineOffset() }
      position = end + 1
    }
    this.#restOffset = lineOffset()
    this.#rest = Buffer.from(data.subarray(position))
  }

  /** What is left without a line end. */
  *flush(): Generator<SplitLine> {
    if (this.#rest.length === 0) return
    const rest = this.#rest
    this.#rest = Buffer.alloc(0)
    yield { text: rest.toString('utf8'), offset: this.#restOffset }
  }
}

/** The end moved back so that it cuts no UTF-8 sequence (RFC 3629: continuation bytes are 10xxxxxx, at most three). */
function wholeCharacters(data: Buffer, start: number, end: number): number {
  for (let cut = end; cut > end - 4 && cut > start; cut -= 1) {
    if (((data[cut] ?? 0) & 0b1100_0000) !== 0b1000_0000) return cut
  }
  return end
}
