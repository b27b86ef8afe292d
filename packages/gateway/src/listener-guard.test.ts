import { expect, test } from 'vitest'
import { guardOf } from './listener-guard.js'

const mesh = { kind: 'mesh', name: 'm', address: { host: '10.0.0.1', port: 1 }, service: 's' } as const

test('a listener without a network takes every connection', () => {
  expect(guardOf(mesh)('192.0.2.1')).toBe(true)
  expect(guardOf({ kind: 'edge', name: 'e', address: mesh.address })(undefined)).toBe(true)
})

test('one with a network takes only those that come from it', () => {
  const isWelcome = guardOf({ ...mesh, from: '10.0.0.0/24' })
  expect(['10.0.0.7', '::ffff:10.0.0.7', '10.0.1.7', '127.0.0.1', '::1', undefined].map(isWelcome)).toEqual([
    true,
    true,
    false,
    false,
    false,
    false,
  ])
})

test('one whose network cannot be read takes none', () => {
  expect(guardOf({ ...mesh, from: 'everywhere' })('10.0.0.7')).toBe(false)
})
