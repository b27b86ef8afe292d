import { wordBuffer } from '../../http1/words.js'

const firstBytes = 4096

/** Where header lines gather, one behind the other. It grows to the largest section that was read, which the reader's limit bounds. */
export class LineBuffer {
  bytes: Buffer = wordBuffer(firstBytes)
  length = 0

  /** Makes room for so many bytes more. */
  reserve(count: number): void {
    const needed = this.length + count
    if (needed <= this.bytes.length) return
    const larger = wordBuffer(needed * 2)
    larger.set(this.bytes)
    this.bytes = larger
  }
}
