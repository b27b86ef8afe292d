import { expect, it } from 'vitest'
import { initFailureIn } from './init-failure.js'

it.each([
  ['ERROR (catatonit:6): failed to exec pid1: No such file or directory\n', 127],
  ['ERROR (catatonit:2): failed to exec pid1: Permission denied\n', 126],
])('of %s is a shell’s code', (output, code) => {
  expect(initFailureIn(output)).toEqual({ code, line: output.trim() })
})

it('is none where the program itself has ended', () => {
  expect(initFailureIn('ERROR: no database\n')).toBeNull()
  expect(initFailureIn('')).toBeNull()
})
