import { createHash } from 'node:crypto'

/** What a person is told in a browser, in place of the problem document that programs get. All of it is escaped. */
export interface ProblemPage {
  /** What happened, in a few words. */
  readonly heading: string
  /** What to do next. */
  readonly next: string
  /** A path of this very origin; null: there is nothing to go to. */
  readonly link: { readonly path: string; readonly text: string } | null
}

const style =
  'body{font:1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem}' +
  'h1{font-size:1.5rem}small{opacity:.7}:root{color-scheme:light dark}'

const styleHash = createHash('sha256').update(style).digest('base64')
const contentPolicy = `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

/** The lines of its head that are its own. The address of a login's way back is a secret until it is used: no other site gets it. */
export const pageLines =
  'Content-Type: text/html; charset=utf-8\r\n' +
  `Content-Security-Policy: ${contentPolicy}\r\n` +
  'X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nVary: Accept\r\n'

/** The document: it asks for nothing else, and runs nothing. */
export function pageText(
  { heading, next, link }: ProblemPage,
  { detail = '', requestId = '' }: { readonly detail?: string | undefined; readonly requestId?: string | undefined },
): string {
  const lines = [
    '<!doctype html>',
    '<html lang="en">',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escaped(heading)}</title>`,
    `<style>${style}</style>`,
    `<h1>${escaped(heading)}</h1>`,
    `<p>${escaped(detail)}</p>`,
    `<p>${escaped(next)}</p>`,
    link === null ? '' : `<p><a href="${escaped(link.path)}">${escaped(link.text)}</a></p>`,
    requestId === '' ? '' : `<p><small>Request id: <code>${escaped(requestId)}</code></small></p>`,
  ]
  return `${lines.filter((line) => line !== '').join('\n')}\n`
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`)
}
