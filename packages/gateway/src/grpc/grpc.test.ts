import { describe, expect, it } from 'vitest'
import { complete, HeadParser } from '../http1/head-parser.js'
import { grpcAnswer } from './grpc-answer.js'
import { grpcTimeoutMs, isGrpc } from './grpc-request.js'
import { grpcStatuses, pushbackMs, readGrpcStatus, statusFromHttp } from './grpc-status.js'

const limits = { maxTargetBytes: 1000, maxHeadBytes: 10_000, maxHeaders: 100 }

function head(lines: string): HeadParser {
  const parser = new HeadParser(true, limits)
  const bytes = Buffer.from(`POST /a.B/C HTTP/1.1\r\nHost: a\r\n${lines}\r\n`)
  parser.begin(bytes, 0)
  expect(parser.parse(bytes.length)).toBe(complete)
  return parser
}

describe('a call of gRPC', () => {
  it.each([
    ['application/grpc', true],
    ['application/grpc+proto', true],
    ['Application/gRPC;charset=x', true],
    ['application/grpc-web', false],
    ['application/grpcx', false],
    ['application/json', false],
    ['', false],
  ])('content-type %s: %s', (type, expected) => {
    expect(isGrpc(head(`Content-Type: ${type}\r\n`))).toBe(expected)
  })

  it.each([
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3_000],
    ['100m', 100],
    ['1500u', 2],
    ['1n', 1],
    ['99999999n', 100],
    ['999999999n', null],
    ['1', null],
    ['S', null],
    ['-1S', null],
    ['1.5S', null],
  ])('grpc-timeout %s is %s ms', (value, expected) => {
    expect(grpcTimeoutMs(head(`grpc-timeout: ${value}\r\n`))).toBe(expected)
  })

  it('has no time limit without one', () => {
    expect(grpcTimeoutMs(head(''))).toBeNull()
  })

  it.each([
    ['upstream_timeout', '4'],
    ['forbidden', '7'],
    ['rate_limited', '8'],
    ['no_route', '12'],
    ['bad_request', '13'],
    ['no_healthy_endpoint', '14'],
    ['unauthenticated', '16'],
    ['version_unsupported', '2'],
  ] as const)('that is answered with %s has status %s', (reason, expected) => {
    const answer = grpcAnswer({ kind: 'problem', reason, detail: '100 % of ä\r\nX: y', headers: [['X-A', 'b']] })
    expect(answer).toMatchObject({ kind: 'response', status: 200 })
    const headers = Object.fromEntries(answer.kind === 'redirect' ? [] : (answer.headers ?? []))
    expect(headers['grpc-status']).toBe(expected)
    expect(headers['grpc-message']).toContain('100 %25 of %C3%A4%0D%0AX: y')
    expect(headers['X-A']).toBe('b')
  })

  it('keeps an answer that is none of failure', () => {
    const answer = { kind: 'response', status: 204, headers: [] } as const
    expect(grpcAnswer(answer)).toBe(answer)
  })
})

describe('the status of a call', () => {
  it.each([
    ['0', 'OK', 200],
    ['1', 'CANCELLED', 499],
    ['2', 'UNKNOWN', 500],
    ['4', 'DEADLINE_EXCEEDED', 504],
    ['5', 'NOT_FOUND', 404],
    ['8', 'RESOURCE_EXHAUSTED', 429],
    ['12', 'UNIMPLEMENTED', 404],
    ['13', 'INTERNAL', 500],
    ['14', 'UNAVAILABLE', 503],
    ['15', 'DATA_LOSS', 500],
    ['16', 'UNAUTHENTICATED', 401],
    ['17', 'UNKNOWN', 500],
    ['-1', 'UNKNOWN', 500],
    ['1.0', 'UNKNOWN', 500],
    ['', 'UNKNOWN', 500],
    ['9999999999999', 'UNKNOWN', 500],
  ])('grpc-status %s is %s, which stands for %i', (value, name, httpStatus) => {
    expect(readGrpcStatus(head(`grpc-status: ${value}\r\n`))).toMatchObject({ name, httpStatus })
  })

  it('is not there where nothing says it', () => {
    expect(readGrpcStatus(head('grpc-statuses: 1\r\n'))).toBeNull()
  })

  it('has one name each', () => {
    expect(grpcStatuses.map(({ code }) => code)).toEqual(Array.from({ length: 17 }, (_, code) => code))
    expect(new Set(grpcStatuses.map(({ name }) => name)).size).toBe(17)
  })

  it.each([
    [400, 'INTERNAL'],
    [404, 'UNIMPLEMENTED'],
    [429, 'UNAVAILABLE'],
    [502, 'UNAVAILABLE'],
    [418, 'UNKNOWN'],
  ])('of an answer of %i that is none of gRPC is %s', (status, name) => {
    expect(statusFromHttp(status).name).toBe(name)
  })
})

describe('the pushback of a service', () => {
  it.each([
    ['0', 0],
    ['250', 250],
    ['-1', 'never'],
    ['1.5', 'never'],
    ['soon', 'never'],
    ['', 'never'],
    ['99999999999', 'never'],
  ])('grpc-retry-pushback-ms %s is %s', (value, expected) => {
    expect(pushbackMs(head(`grpc-retry-pushback-ms: ${value}\r\n`))).toBe(expected)
  })

  it('leaves it to the caller when there is none', () => {
    expect(pushbackMs(head(''))).toBeNull()
  })
})
