import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { escapeInterpolation, interpolate } from './interpolation.js'

const variables = { NAME: 'value', EMPTY: '', OTHER: '$NAME' }
const value = (text: string) => interpolate(text, { variables, mode: 'value', isGiven: (name) => name === 'PORT' })
const command = (text: string) => interpolate(text, { variables, mode: 'command', isGiven: (name) => name === 'PORT' })

describe('in values', () => {
  it.each([
    ['plain', 'plain'],
    ['a ${NAME} b', 'a value b'],
    ['$NAME/x', 'value/x'],
    ['${NAME:-word}', 'value'],
    ['${EMPTY:-word}', 'word'],
    ['${EMPTY-word}', ''],
    ['${MISSING-word}', 'word'],
    ['${MISSING:-a ${NAME} b}', 'a value b'],
    ['${MISSING:-${ALSO:-deep}}', 'deep'],
    ['${NAME:?never shown}', 'value'],
    ['${EMPTY?set is enough}', ''],
    ['${NAME:+there}', 'there'],
    ['${EMPTY:+there}', ''],
    ['${EMPTY+there}', 'there'],
    ['${MISSING+there}', ''],
    ['$$NAME $${NAME}', '$NAME ${NAME}'],
    ['${OTHER}', '$NAME'],
    ['${MISSING:-}', ''],
  ])('%s becomes %s', (text, expected) => {
    const result = value(text)
    expect(result.mistakes).toEqual([])
    expect(result.text).toBe(expected)
  })

  it.each([
    ['${MISSING}', 'the variable MISSING is not set'],
    ['$MISSING', 'the variable MISSING is not set'],
    ['${MISSING:?say why}', 'the variable MISSING is required: say why'],
    ['${EMPTY:?}', 'the variable EMPTY is not set'],
    ['${NAME', 'a ${ is never closed by }'],
    ['pa$5', 'a single $ begins a variable, and no name follows'],
    ['end$', 'a single $ begins a variable, and no name follows'],
    ['${1}', '${1} is not a variable that can be read here'],
    ['${}', '${} is not a variable that can be read here'],
    ['${NAME%x}', '${NAME%x} is not a variable that can be read here'],
    ['${toString}', 'the variable toString is not set'],
  ])('%s is a mistake', (text, message) => {
    expect(value(text).mistakes.map((mistake) => mistake.message)).toEqual([message])
  })

  it('says of PORT that it is only known later', () => {
    expect(value('${PORT}').mistakes[0]?.hint).toContain('only known when the program starts')
  })

  it('tells which variables were used', () => {
    expect([...value('${NAME} ${MISSING:-x} ${EMPTY:-y}').used]).toEqual(['NAME', 'EMPTY'])
  })
})

describe('in commands', () => {
  it.each([
    ['serve --port $PORT', 'serve --port $PORT'],
    ['serve --port ${PORT}', 'serve --port ${PORT}'],
    ['serve --port ${PORT:-80}', 'serve --port ${PORT:-80}'],
    ['serve $NAME', 'serve $NAME'],
    ['serve ${NAME}', 'serve value'],
    ['serve ${MISSING:-$PORT}', 'serve $PORT'],
    ['echo $(date) $1 $? ${NAME%.*} ${#x}', 'echo $(date) $1 $? ${NAME%.*} ${#x}'],
    ['echo $$PORT', 'echo $PORT'],
    ['echo $${NAME}', 'echo ${NAME}'],
  ])('%s becomes %s', (text, expected) => {
    const result = command(text)
    expect(result.mistakes).toEqual([])
    expect(result.text).toBe(expected)
  })

  it('refuses a name that nobody knows, and says how to leave it to the shell', () => {
    const [mistake] = command('echo ${MISSING}').mistakes
    expect(mistake?.message).toBe('the variable MISSING is not set')
    expect(mistake?.hint).toContain('$MISSING')
  })
})

it('gives back every text that was escaped', () => {
  const text = fc.array(fc.constantFrom('$', '{', '}', 'NAME', 'PORT', ':-', 'x', ' ')).map((parts) => parts.join(''))
  fc.assert(
    fc.property(text, (original) => {
      expect(value(escapeInterpolation(original, 'value')).text).toBe(original)
      expect(command(escapeInterpolation(original, 'command')).text).toBe(original)
    }),
  )
})

it('never throws and never grows without bound', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'${}:-?+NAME '), maxLength: 300 }), (text) => {
      for (const result of [value(text), command(text)]) expect(result.text.length).toBeLessThan(text.length * 6 + 10)
    }),
  )
})
