import { parseSource, type Source } from '../source.js'

/** Files with more are generated, and are better given in several. */
const mostDocuments = 200

/** One YAML document of a file; its places are those of the file. Null: there are too many. */
export function documentsOf(file: string, text: string): readonly Source[] | null {
  const lines = text.split('\n')
  const starts = [0, ...lines.flatMap((line, index) => (/^---(\s|$)/.test(line) ? [index] : []))]
  if (starts.length > mostDocuments) return null
  return starts
    .map((start, index) => {
      const own = lines.slice(start, starts[index + 1])
      // The line that begins a document may hold its first words.
      if (own[0]?.startsWith('---')) own[0] = `   ${own[0].slice(3)}`
      return { start, text: own.join('\n') }
    })
    .filter((document) => document.text.split('\n').some((line) => !/^\s*(#.*|\.\.\.\s*)?$/.test(line)))
    .map((document) =>
      // Empty lines in place of the documents before it leave every line its number.
      parseSource(file, '\n'.repeat(document.start) + document.text, {
        variables: {},
        isGiven: () => false,
        // They are taken unmodified: a $ is a $, and names that begin with x- are the user's.
        isRaw: () => true,
        isFreeForm: () => true,
      }),
    )
}
