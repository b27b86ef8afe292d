const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads bytes as one JSON object. Null when they are anything else: no UTF-8, a byte order mark, another value, or an object at any depth
 * that names a member twice. Of two members readers take the first or the last, so what one checks another does not see (RFC 8725 section 2.5,
 * RFC 7519 section 4).
 */
export function readJsonObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | null {
  let text: string
  let value: unknown
  try {
    text = utf8.decode(bytes)
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  return hasTwins(text) ? null : (value as Record<string, unknown>)
}

/** Whether an object in the text, which is valid JSON, has two members of one name. */
function hasTwins(text: string): boolean {
  // The names of each object that is open; null for a list.
  const open: (Set<string> | null)[] = []
  let isName = false
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '{':
        open.push(new Set())
        isName = true
        break
      case '[':
        open.push(null)
        isName = false
        break
      case '}':
      case ']':
        open.pop()
        isName = false
        break
      case ',':
        isName = open.at(-1) !== null
        break
      case '"': {
        const end = endOfString(text, at)
        const names = open.at(-1)
        if (isName && names !== null && names !== undefined) {
          // The same name may be written with and without escapes.
          const name = JSON.parse(text.slice(at, end)) as string
          if (names.has(name)) return true
          names.add(name)
          isName = false
        }
        at = end - 1
      }
    }
  }
  return false
}

/** The offset behind the closing quote. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}
