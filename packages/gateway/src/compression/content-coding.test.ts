import type { CompressionSpec } from '@pando/model'
import { describe, expect, it } from 'vitest'
import { type AnswerFacts, chooseCoding, isCompressible, weakened } from './content-coding.js'

const spec: CompressionSpec = {
  codings: ['br', 'gzip'],
  types: ['application/json', 'application/grpc+proto', 'text/*'],
  minBytes: 1_024,
}

describe('the coding', () => {
  it.each([
    [null, ''],
    ['', ''],
    ['gzip', 'gzip'],
    ['x-gzip', 'gzip'],
    ['gzip, deflate, br', 'br'],
    ['gzip;q=1.0, br;q=0.5', 'gzip'],
    ['gzip; q=0.5, br; q=0.500', 'br'],
    ['GZIP', 'gzip'],
    ['*', 'br'],
    ['br;q=0, *', 'gzip'],
    ['br;q=0, gzip;q=0', ''],
    ['identity', ''],
    ['deflate, zstd', ''],
    ['gzip, identity', 'gzip'],
    ['gzip;q=0.5, identity', ''],
    ['gzip;q=0.5, identity;q=0.6', ''],
    ['gzip;q=0.5, identity;q=0.5', 'gzip'],
    ['identity;q=0, gzip;q=0.001', 'gzip'],
    ['identity;q=0', ''],
    ['identity;q=0, *;q=0.5', 'br'],
    ['identity;q=0.5, *;q=0', ''],
    ['gzip;q=2, br;q=x', ''],
  ])('for %j is %j', (accepted, coding) => {
    expect(chooseCoding(accepted, spec.codings)).toBe(coding)
  })

  it('is only one that the route gives', () => {
    expect(chooseCoding('br', ['gzip'])).toBe('')
    expect(chooseCoding('gzip;q=0.3, *;q=0.5', ['gzip'])).toBe('')
  })
})

describe('an answer', () => {
  const facts: AnswerFacts = {
    status: 200,
    contentType: 'application/json; charset=utf-8',
    contentEncoding: null,
    cacheControl: null,
    contentRange: null,
    hasDigest: false,
  }

  it.each<[string, Partial<AnswerFacts>, boolean]>([
    ['of a listed type', {}, true],
    ['of a listed kind', { contentType: 'TEXT/plain' }, true],
    ['with an error', { status: 404 }, true],
    ['in identity', { contentEncoding: 'identity' }, true],
    ['of another type', { contentType: 'image/png' }, false],
    ['of no type', { contentType: null }, false],
    ['of events', { contentType: 'text/event-stream' }, false],
    ['of gRPC', { contentType: 'application/grpc+proto' }, false],
    ['with a digest', { hasDigest: true }, false],
    ['that is encoded', { contentEncoding: 'gzip' }, false],
    ['not to be transformed', { cacheControl: 'public, No-Transform' }, false],
    ['of which no-transform is only part of a word', { cacheControl: 'x-no-transform' }, true],
    ['that is a part', { status: 206 }, false],
    ['that says of which part it is', { contentRange: 'bytes 0-1/2' }, false],
    ['without a body', { status: 304 }, false],
    ['still to come', { status: 100 }, false],
  ])('%s: %j → %s', (_, extra, isIt) => {
    expect(isCompressible(spec, { ...facts, ...extra })).toBe(isIt)
  })

  it('is the same in meaning only', () => {
    expect([weakened('"a"'), weakened('W/"a"')]).toEqual(['W/"a"', 'W/"a"'])
  })
})
