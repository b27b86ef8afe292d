import { expect, it } from 'vitest'
import { editDistance, nearest, suggest } from './nearest.js'

it('counts a swap of neighbours as one edit', () => {
  expect(editDistance('users', 'usesr')).toBe(1)
  expect(editDistance('', 'abc')).toBe(3)
  expect(editDistance('kitten', 'sitting')).toBe(3)
})

it('finds what was meant, and nothing when nothing is near', () => {
  const keys = ['build', 'command', 'depends_on', 'replicas', 'routes']
  expect(nearest('biuld', keys)).toBe('build')
  expect(nearest('dependsOn', keys)).toBe('depends_on')
  expect(nearest('depends-on', keys)).toBe('depends_on')
  expect(nearest('Replica', keys)).toBe('replicas')
  expect(nearest('volume', keys)).toBeNull()
  expect(nearest('x'.repeat(100_000), keys)).toBeNull()
})

it('lists all words when they are few and none is near', () => {
  expect(suggest('zebra', ['b', 'a'])).toBe('known here: a, b')
  expect(suggest('zebra', [])).toBeUndefined()
})
