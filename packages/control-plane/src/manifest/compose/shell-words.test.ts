import { expect, it } from 'vitest'
import { shellWords } from './shell-words.js'

it.each<[string, string[] | null]>([
  ['', []],
  ['  npm   start ', ['npm', 'start']],
  [`sh -c "echo 'a b' $X"`, ['sh', '-c', "echo 'a b' $X"]],
  [String.raw`echo a\ b "c\"d\n" 'e\f'`, ['echo', 'a b', String.raw`c"d\n`, String.raw`e\f`]],
  ['--name="" x', ['--name=', 'x']],
  [`''`, ['']],
  ['a\\\nb', ['ab']],
  ['"never', null],
  ["'never", null],
  ['never\\', null],
])('splits %j as a shell does', (text, words) => {
  expect(shellWords(text)).toEqual(words)
})
