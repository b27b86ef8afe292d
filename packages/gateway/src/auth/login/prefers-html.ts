import { weightOf } from '../../http1/weight.js'

/**
 * Whether `Accept` (RFC 9110 section 12.5.1) names `text/html`, and no kind of JSON as much: what a person reads, not a program. A tie with `*`
 * is one for the name.
 */
export function prefersHtml(accept: string | null): boolean {
  const weights = new Map<string, number>()
  for (const range of (accept ?? '').split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
    weights.set(type, Math.max(weights.get(type) ?? 0, weightOf(parameters)))
  }
  const html = weights.get('text/html') ?? 0
  const named = Math.max(...['application/json', 'application/problem+json'].map((type) => weights.get(type) ?? 0))
  const anything = Math.max(...['application/*', '*/*'].map((type) => weights.get(type) ?? 0))
  return html > named && html >= anything
}
