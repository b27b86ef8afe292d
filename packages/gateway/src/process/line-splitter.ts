/** Cuts a byte stream into lines, each at most `maxBytes` long. Work is linear in what arrives, however long a line is in coming. */
export class LineSplitter {
  readonly #maxBytes: number
  readonly #onLine: (line: string) => void
  #parts: Buffer[] = []
  #length = 0

  constructor(maxBytes: number, onLine: (line: string) => void) {
    this.#maxBytes = maxBytes
    this.#onLine = onLine
  }

  /** False when the line that is coming is longer than allowed; nothing more must be pushed then. */
  push(chunk: Buffer): boolean {
    let start = 0
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      if (this.#length + end - start > this.#maxBytes) return false
      this.#parts.push(chunk.subarray(start, end))
      const line = Buffer.concat(this.#parts).toString('utf8')
      this.#parts = []
      this.#length = 0
      start = end + 1
      if (line !== '') this.#onLine(line)
    }
    if (start < chunk.length) {
      this.#parts.push(chunk.subarray(start))
      this.#length += chunk.length - start
    }
    return this.#length <= this.#maxBytes
  }
}
