import { expect, test } from 'vitest'
import { CompiledEdit, compileEdits, mergeEdits } from './header-edit.js'

test('an edit knows the fields that it leaves out in the words of trailers, whatever way the route writes them', () => {
  const problems: string[] = []
  const edit = compileEdits(
    [{ remove: ['X_Secret'], set: { 'X-User': 'a' }, add: { 'X-More': 'b' } }],
    'request',
    problems,
  )
  expect(problems).toEqual([])
  const dropped = ['x-secret', 'x-user', 'x-more', 'x_secret'].filter((name) => edit?.dropsField(name))
  expect(dropped).toEqual(['x-secret', 'x-user'])
  const merged = mergeEdits(edit, new CompiledEdit([Buffer.from('x-late')], Buffer.alloc(0)))
  expect(['x-secret', 'x-late', 'x-more'].map((name) => merged?.dropsField(name))).toEqual([true, true, false])
})
