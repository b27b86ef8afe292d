import { expect, it } from 'vitest'
import { parseEnvironmentFile } from './environment-file.js'

const variables = { OUTER: 'outside', EMPTY: '' }
const values = (text: string) => parseEnvironmentFile(text, variables).values

it('reads names and values, comments and quotes', () => {
  const text = [
    '# a comment',
    '',
    'A=1',
    'export B = two words # and a comment',
    "C='$raw # text'",
    String.raw`D="line\nbreak \"quoted\""`,
    'E=',
    'F=a#b',
    'G=x=y',
    'H.i-j=dots',
  ].join('\n')
  expect(values(text)).toEqual({
    A: '1',
    B: 'two words',
    C: '$raw # text',
    D: 'line\nbreak "quoted"',
    E: '',
    F: 'a#b',
    G: 'x=y',
    'H.i-j': 'dots',
  })
})

it('replaces variables by those of the caller and of earlier lines', () => {
  const result = parseEnvironmentFile('A=${OUTER}/x\nB="$A"\nOUTER', variables)
  expect(result.values).toEqual({ A: 'outside/x', B: 'outside/x', OUTER: 'outside' })
  expect([...result.used]).toEqual(['OUTER'])
})

it('reads Windows line ends', () => {
  expect(values('A=1\r\nB=2\r\n')).toEqual({ A: '1', B: '2' })
})

it('places its mistakes', () => {
  const { mistakes } = parseEnvironmentFile('A=1\n9B=2\nC="open\n  D=pa$5\nE=${NOPE}', variables)
  expect(mistakes.map(({ line, column, message }) => `${line}:${column} ${message}`)).toEqual([
    '2:1 expected NAME=value',
    '3:3 a quote is never closed, or text follows it',
    '4:7 a single $ begins a variable, and no name follows',
    '5:3 the variable NOPE is not set',
  ])
})
