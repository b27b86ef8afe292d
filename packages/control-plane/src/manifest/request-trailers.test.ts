import { describe, expect, it } from 'vitest'
import { gatewayConfigOf } from '../desired/gateway-config.js'
import { appOf, listed } from './reading.suite.js'
import { renderConfig } from './render.js'

const manifest = (...lines: readonly string[]): string =>
  `services:\n  a:\n    command: serve\n${lines.map((line) => `    ${line}\n`).join('')}`
const files = { accessLog: '', localCertificate: { cert: '', key: '' } }
const toldTheGateway = (text: string): unknown =>
  gatewayConfigOf(appOf(text), new Map(), files).services[0]?.requestTrailers

describe('request_trailers', () => {
  it.each([
    [[], undefined],
    [['request_trailers: false'], undefined],
    [['request_trailers: true'], true],
    [['request_trailers: "true"', 'protocol: http'], true],
  ])('%j is told the gateway, and rendered so that it is read as the same', (lines, expected) => {
    const text = manifest(...lines)
    expect(toldTheGateway(text)).toBe(expected)
    expect(toldTheGateway(renderConfig(appOf(text)))).toBe(expected)
  })

  it.each([
    ['h2c', 'over HTTP/2 they are always sent'],
    ['grpc', 'over HTTP/2 they are always sent'],
    ['tcp', 'take it out'],
  ])('has nothing to say of a service of protocol %s', (protocol, hint) => {
    const mistakes = listed(manifest(`protocol: ${protocol}`, 'request_trailers: true'))
    expect(mistakes).toHaveLength(1)
    expect(mistakes[0]).toContain('request_trailers is for a service of protocol http')
    expect(mistakes[0]).toContain(hint)
  })
})
