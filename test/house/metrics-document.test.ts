import { expect, it } from 'vitest'
import { isTest, read, sourceFiles } from './source-tree.js'

/** Name, kind, labels and help, as in a row of the reference. */
type Metric = readonly [name: string, kind: string, labels: string, help: string]

const product = sourceFiles().filter((file) => file.startsWith('packages/') && !isTest(file))

/** `.counter('name', 'help', [bounds,] ['label', …])` of the registry, and `gauge('name', 'help', value)` of the primary. */
function declared(text: string): Metric[] {
  const call =
    /\b(counter|gauge|histogram)\(\s*'(pando_\w+)',\s*(?:'([^']*)'|"([^"]*)"),?(?:\s*durationBounds,)?\s*(?:\[([^\]]*)\])?/g
  return [...text.matchAll(call)].map(([, kind = '', name = '', one, other, labels = '']) => [
    name,
    name.endsWith('_total') ? 'counter' : kind,
    [...labels.matchAll(/'(\w+)'/g)].map(([, label]) => `\`${label}\``).join(', '),
    one ?? other ?? '',
  ])
}

/** Prometheus text that is written out in full. */
function written(text: string): Metric[] {
  return [...text.matchAll(/# HELP (pando_\w+) ([^'\n]*)',\s*'# TYPE \1 (\w+)/g)].map(
    ([, name = '', help = '', kind = '']) => {
      const labels = new RegExp(`\`${name}\\{([^}]*(?:\\}[^}"]*"[^}]*)*)\\}`).exec(text)?.[1] ?? ''
      return [name, kind, [...labels.matchAll(/(\w+)="/g)].map(([, label]) => `\`${label}\``).join(', '), help]
    },
  )
}

const exposed = product.map(read).flatMap((text) => [...declared(text), ...written(text)])

const documented = [
  ...read('docs/reference/metrics.md').matchAll(/^\| `(pando_\w+)` +\| (\w+) +\| (.*?) +\| (.*?) +\|$/gm),
].map(([, name = '', kind = '', labels = '', help = '']): Metric => [name, kind, labels.trim(), help])

const sorted = (metrics: readonly Metric[]): readonly Metric[] => metrics.toSorted(([a], [b]) => (a < b ? -1 : 1))

it('docs/reference/metrics.md has every metric that is exposed, with its kind, labels and meaning, and no other', () => {
  expect(exposed.length).toBeGreaterThan(40)
  expect(sorted(documented)).toEqual(sorted(exposed))
})

it('no metric is named in the product that is not declared', () => {
  const names = new Set(exposed.map(([name]) => name))
  const named = product
    .filter((file) => !file.startsWith('packages/cli/'))
    .flatMap((file) =>
      [...read(file).matchAll(/'(pando_(?:gateway|control|instance|service)\w+)'/g)].map(([, name = '']) => name),
    )
  expect(named.filter((name) => !names.has(name.replace(/_(bucket|sum|count)$/, '')))).toEqual([])
})
