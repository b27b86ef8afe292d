import { readdirSync, readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { issue, type Issued } from '../certificates/issue.js'
import { readFrom } from './reading.suite.js'

const documents = new URL('../../../../docs/', import.meta.url)
const pages = ['../README.md', ...readdirSync(documents).filter((name) => name.endsWith('.md'))]

interface Example {
  readonly page: string
  readonly line: number
  readonly text: string
}

/** Every block of YAML. One whose lines all begin with the same key shows as many examples. */
function examplesOf(page: string): Example[] {
  const text = readFileSync(new URL(page, documents), 'utf8')
  return [...text.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].flatMap(({ index, 1: block = '' }) => {
    const line = text.slice(0, index).split('\n').length + 1
    const lines = withoutIndent(block).split('\n').slice(0, -1)
    const keys = lines.map((written) => /^\w+:/.exec(written)?.[0])
    const isSeveral = lines.length > 1 && keys[0] !== undefined && new Set(keys).size === 1
    if (!isSeveral) return [{ page, line, text: lines.join('\n') }]
    return lines.map((written, offset) => ({ page, line: line + offset, text: written }))
  })
}

function withoutIndent(block: string): string {
  const indents = block.split('\n').flatMap((line) => (line.trim() === '' ? [] : [/^ */.exec(line)?.[0].length ?? 0]))
  return block.replaceAll(new RegExp(`^ {${Math.min(...indents)}}`, 'gm'), '')
}

const indented = (text: string, by: number): string => text.replaceAll(/^(?=.)/gm, ' '.repeat(by))

const service = 'services:\n  shown:\n    build: .\n    command: serve\n'
const route = `${service}    routes:\n      - path: /\n`
const issuers = indented(
  `authenticators:\n${['users', 'partners', 'web'].map((name) => `  ${name}: { api_keys: {} }\n`).join('')}`,
  2,
)

/** A gateway that is not there, or says nothing of who gets in, takes these. */
function withIssuers(text: string): string {
  if (!/^gateway:/m.test(text)) return `${text}\ngateway:\n${issuers}`
  return text.includes('authenticators:') ? text : text.replace(/^gateway:\n/m, `gateway:\n${issuers}`)
}

/** Where a block may stand: a page shows the part of a manifest that it speaks of. */
const places: readonly ((text: string) => string)[] = [
  (text) => withIssuers(text),
  (text) => withIssuers(`${service}${text}\n`),
  (text) => withIssuers(`${service}${indented(text, 4)}`),
  (text) => withIssuers(`${route}${indented(text, 8)}`),
  (text) => `${service}gateway:\n  tls:\n${indented(text, 4)}\n`,
  (text) => `${service}gateway:\n  authenticators:\n    shown:\n${indented(text, 6)}\n`,
]

let certificate: Issued

beforeAll(async () => {
  const times = { notBefore: Date.UTC(2026, 0, 1), notAfter: Date.UTC(2027, 0, 1) }
  certificate = await issue({ ...times, subject: 'CN=shop', usage: 'server', hosts: ['shop.example'], issuer: null })
})

/** Whatever file an example names is there. */
const filesOf = (example: Example): Record<string, string> =>
  new Proxy<Record<string, string>>(
    {},
    {
      get: (_, path) => {
        if (String(path).includes('key.pem')) return certificate.key
        if (String(path).endsWith('.pem')) return certificate.cert
        if (String(path).startsWith('/app/routes/')) return routeFileBeside(example)
        return 'a secret of more than thirty-two bytes'
      },
    },
  )

/** The document that the same page shows. */
function routeFileBeside({ page }: Example): string {
  return examplesOf(page).find(({ text }) => isRouteFile(text))?.text ?? ''
}

const isRouteFile = (text: string): boolean => /^kind: \w+Route$/m.test(text)

/** The mistakes in the place that fits best; empty when there is a place for it. */
function mistakesOf(example: Example): string[] {
  const services = [...example.text.matchAll(/service: ([\w-]+)|depends_on: \[(\w+)\]/g)].flatMap(
    ([, a, b]) => a ?? b ?? [],
  )
  const neighbours = Object.fromEntries(services.map((name) => [name, null]))
  const results = places.map((place) => {
    const result = readFrom(place(example.text), { files: filesOf(example), neighbours })
    return result.kind === 'read' ? [] : result.diagnostics.map(({ path, message }) => `${path}: ${message}`)
  })
  return results.toSorted((one, other) => one.length - other.length)[0] ?? []
}

describe('the examples of the documents', () => {
  it.each(pages)('%s', (page) => {
    const mistaken = examplesOf(page)
      .filter(({ text }) => !isRouteFile(text))
      .map((example) => ({ at: `line ${example.line}`, mistakes: mistakesOf(example) }))
      .filter(({ mistakes }) => mistakes.length > 0)
    expect(mistaken).toEqual([])
  })

  it('are many, and each is one document', () => {
    const examples = pages.flatMap(examplesOf)
    expect(examples.length).toBeGreaterThan(40)
    expect(examples.filter(({ text }) => parseAllDocuments(text).length !== 1)).toEqual([])
  })

  it('would be refused with a key that is not there', () => {
    const [example] = examplesOf('tls.md')
    expect(mistakesOf({ page: 'tls.md', line: 1, text: example?.text.replace('tls:', 'tsl:') ?? '' })).not.toEqual([])
  })
})
