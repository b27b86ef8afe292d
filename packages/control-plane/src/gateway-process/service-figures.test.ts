import { expect, it } from 'vitest'
import { readServiceFigures } from './service-figures.js'

it('adds up the requests of all routes of a service, and what is under way with what waits', () => {
  const text = [
    '# TYPE pando_gateway_requests_total counter',
    'pando_gateway_requests_total{route="a/0",service="a",code_class="2xx"} 5',
    'pando_gateway_requests_total{route="mesh/a",service="a",code_class="5xx"} 2',
    'pando_gateway_requests_total{route="r",service="",code_class="3xx"} 9',
    'pando_gateway_service_in_flight{service="a"} 3',
    'pando_gateway_service_waiting{service="a"} 4',
    'pando_gateway_service_in_flight{service="b"} 0',
  ].join('\n')
  expect(readServiceFigures(text)).toEqual(
    new Map([
      ['a', { inFlight: 7, requests: 7 }],
      ['b', { inFlight: 0, requests: 0 }],
    ]),
  )
})
