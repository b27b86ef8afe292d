import { expect, it } from 'vitest'
import { parseImageName } from './image-name.js'

it.each([
  ['web', 'docker.io', 'web', 'latest'],
  ['shop/web:1.2', 'docker.io', 'shop/web', '1.2'],
  ['localhost/web', 'localhost', 'localhost/web', 'latest'],
  ['localhost:5000/shop/web:a_B', 'localhost:5000', 'localhost:5000/shop/web', 'a_B'],
  ['registry:5000/web', 'registry:5000', 'registry:5000/web', 'latest'],
  ['127.0.0.1:5000/web:1', '127.0.0.1:5000', '127.0.0.1:5000/web', '1'],
  ['[::1]:5000/web:1', '[::1]:5000', '[::1]:5000/web', '1'],
  ['ghcr.io/a/b-c__d/e.f', 'ghcr.io', 'ghcr.io/a/b-c__d/e.f', 'latest'],
])('%s is of %s', (text, registry, repository, tag) => {
  expect(parseImageName(text)).toEqual({ registry, repository, tag })
})

it.each([
  '',
  'Web',
  'web:',
  'web:-1',
  'a//b',
  '/web',
  'web@sha256:00',
  'a b',
  '-web',
  'web/',
  `web:${'x'.repeat(129)}`,
])('"%s" is no name', (text) => expect(() => parseImageName(text)).toThrow('is no name for an image'))
