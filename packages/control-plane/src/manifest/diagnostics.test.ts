import { expect, it } from 'vitest'
import { formatDiagnostics } from './diagnostics.js'

const at = {
  file: '/app/pando.yaml',
  line: 2,
  column: 5,
  path: 'services.users.replica',
  message: 'unknown key "replica"',
}
const sources = new Map([['/app/pando.yaml', 'services:\n    replica: 2\n']])

it('shows the line with a caret below the column', () => {
  const text = formatDiagnostics([{ ...at, hint: 'did you mean "replicas"?' }], sources, { relativeTo: '/app' })
  expect(text).toBe(
    [
      'pando.yaml:2:5  services.users.replica: unknown key "replica"',
      '    replica: 2',
      '    ^',
      '  did you mean "replicas"?',
    ].join('\n'),
  )
})

it('leaves out the line of a file it does not have', () => {
  expect(formatDiagnostics([at], new Map())).toBe('/app/pando.yaml:2:5  services.users.replica: unknown key "replica"')
})

it('keeps the caret below the column in long lines and among control characters', () => {
  const line = `${'x'.repeat(500)}\u001b[31m!${'y'.repeat(500)}`
  const text = formatDiagnostics([{ ...at, line: 1, column: 506 }], new Map([[at.file, line]]))
  const [, shown = '', caret = ''] = text.split('\n')
  expect(shown[caret.indexOf('^')]).toBe('!')
  expect(shown).not.toContain('\u001b')
  expect(shown.length).toBeLessThan(120)
})

it('colours nothing by itself, and each part when asked', () => {
  const text = formatDiagnostics([at], sources, { style: (part, inner) => `<${part}>${inner}</${part}>` })
  expect(text).toContain('<place>/app/pando.yaml:2:5</place>')
  expect(text).toContain('<caret>^</caret>')
})
