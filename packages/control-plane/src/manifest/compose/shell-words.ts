/**
 * The words of a command as a POSIX shell splits them (XCU 2.2, quoting), without expanding any: this is how Compose reads a command
 * that is one text. Null when a quote is never closed.
 */
export function shellWords(text: string): string[] | null {
  const words: string[] = []
  let word: string | null = null
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? ''
    if (char === '\\') {
      const next = text[++at]
      if (next === undefined) return null
      // A line that goes on behind a backslash is one line.
      if (next !== '\n') word = (word ?? '') + next
    } else if (char === "'") {
      const end = text.indexOf("'", at + 1)
      if (end === -1) return null
      word = (word ?? '') + text.slice(at + 1, end)
      at = end
    } else if (char === '"') {
      word ??= ''
      for (at++; text[at] !== '"'; at++) {
        if (at >= text.length) return null
        if (text[at] === '\\' && /["\\$`\n]/.test(text[at + 1] ?? '')) at++
        word += text[at]
      }
    } else if (/\s/.test(char)) {
      if (word !== null) words.push(word)
      word = null
    } else word = (word ?? '') + char
  }
  if (word !== null) words.push(word)
  return words
}
