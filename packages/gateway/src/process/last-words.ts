import { StringDecoder } from 'node:string_decoder'

/** A stack and what stands around it. */
const mostLines = 40
const mostChars = 300
const linesTold = 5

/** Not what stands below an error: the frames of its stack, and which Node it was. */
const isError = /^(?:Uncaught |FATAL ERROR: |\S*(?:Error|Exception)(?: \[\w+\])?(?::|$)|\[?\w*Error\b)/

/** What a process wrote last on its stderr, as far as somebody may want to know what it ended of. */
export class LastWords {
  readonly #decoder = new StringDecoder('utf8')
  #lines: string[] = []
  #open = ''

  push(chunk: Buffer): void {
    const lines = (this.#open + this.#decoder.write(chunk)).split('\n')
    this.#open = (lines.pop() as string).slice(0, mostChars)
    for (const line of lines) this.#take(line)
  }

  /** The line that names the last error, else the last line; empty when it wrote nothing. */
  get error(): string {
    const lines = this.#all()
    return (lines.findLast((line) => isError.test(line)) ?? lines.at(-1) ?? '').trim()
  }

  /** The last lines, oldest first. */
  get lines(): string[] {
    return this.#all().slice(-linesTold)
  }

  #all(): string[] {
    const open = plain(this.#open)
    return open === '' ? this.#lines : [...this.#lines, open]
  }

  #take(line: string): void {
    const text = plain(line)
    if (text !== '') this.#lines = [...this.#lines, text].slice(-mostLines)
  }
}

// oxlint-disable-next-line no-control-regex -- control characters are what must not get through.
const unprintable = /\u001b\[[\d;]*m|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

function plain(line: string): string {
  return line.replaceAll(unprintable, '').trimEnd().slice(0, mostChars)
}
