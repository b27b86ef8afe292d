import { describe, expect, it } from 'vitest'
import { identityLines, strippingEdit } from './identity-edit.js'

const drops = (names: readonly string[], name: string): boolean =>
  strippingEdit(names)?.drops(Buffer.from(name), 0, name.length) ?? false

describe('headers that say who it is', () => {
  it('are taken out in every spelling that CGI makes the same of', () => {
    for (const name of ['x-user-id', 'X-User-Id', 'X_USER_ID', 'x-user_id', 'x_user-ID']) {
      expect(drops(['x-user-id'], name)).toBe(true)
    }
    for (const name of ['x-user', 'x-user-id-', 'xuserid', 'x-user.id']) expect(drops(['x-user-id'], name)).toBe(false)
    expect(strippingEdit([])).toBeNull()
  })

  it('are written of claims: texts, numbers, lists, objects', () => {
    const headers = ['sub', 'n', 'is', 'list', 'object', 'deep.name'].map((claim) => ({ claim, header: `X-${claim}` }))
    const claims = { sub: 'älice', n: 7, is: true, list: ['a', 1], object: { a: 'b' }, deep: { name: 'x y' } }
    expect(identityLines(headers, claims)).toBe(
      'X-sub: älice\r\nX-n: 7\r\nX-is: true\r\nX-list: a,1\r\nX-object: {"a":"b"}\r\nX-deep.name: x y\r\n',
    )
  })

  it.each([
    ['a line end', 'alice\r\nX-Admin: true'],
    ['a bare line feed', 'alice\nX-Admin: true'],
    ['a null byte', 'alice\0'],
    ['a space at its end, which would not arrive', 'alice '],
    ['a list in which one name would read as two', ['user', 'x,admin']],
    ['a list with an object in it', ['a', { b: 1 }]],
    ['nothing', ''],
    ['null', null],
    ['no claim of that name', undefined],
    ['more than a header takes', 'x'.repeat(3_000)],
  ])('are left out whole for %s', (_name, sub) => {
    expect(identityLines([{ claim: 'sub', header: 'X-User' }], { sub })).toBe('')
  })
})
