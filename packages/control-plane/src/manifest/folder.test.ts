import { expect, it } from 'vitest'
import { detectKind } from './folder.js'

it.each([
  [['requirements.txt', 'app.py'], 'python', 'requirements.txt'],
  [['pyproject.toml'], 'python', 'pyproject.toml'],
  [['main.py'], 'python', 'main.py'],
  [['package.json', 'src/'], 'node', 'package.json'],
  [['go.mod', 'main.go', 'Dockerfile'], 'go', 'go.mod'],
  [['Cargo.toml'], 'rust', 'Cargo.toml'],
  [['pom.xml', 'package.json'], 'java-maven', 'pom.xml'],
  [['Dockerfile'], 'dockerfile', 'Dockerfile'],
])('%j is %s', (entries, kind, evidence) => {
  expect(detectKind({ entries, texts: {} })).toEqual({ kind, evidence })
})

it('knows nothing of a folder without a telling file, or with a folder of such a name', () => {
  expect(detectKind({ entries: ['README.md'], texts: {} })).toBeNull()
  expect(detectKind({ entries: ['app.py/'], texts: {} })).toBeNull()
})

it('takes Python for what it is when a package.json beside it starts nothing', () => {
  const entries = ['requirements.txt', 'package.json']
  expect(detectKind({ entries, texts: { 'package.json': '{"devDependencies":{"tailwindcss":"3"}}' } })?.kind).toBe(
    'python',
  )
  expect(detectKind({ entries, texts: { 'package.json': '{"scripts":{"start":"node ."}}' } })?.kind).toBe('node')
  expect(detectKind({ entries, texts: { 'package.json': 'not json' } })?.kind).toBe('python')
})
