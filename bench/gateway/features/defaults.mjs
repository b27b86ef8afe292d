import { request } from 'node:http'
import { expect } from './variants.mjs'

const headers = {
  addresses: {
    nginx: 'X-Forwarded-For $proxy_add_x_forwarded_for',
    haproxy: 'option forwardfor',
  },
  requestId: {
    nginx: 'X-Request-Id $request_id',
    haproxy: 'http-request set-header X-Request-Id %[uuid()]',
  },
  traceparent: {
    nginx: 'traceparent $trace',
    haproxy:
      'http-request set-header traceparent 00-%[rand,hex,lower]%[rand,hex,lower]-%[rand,hex,lower]-01 unless { req.hdr(traceparent) -m found }',
  },
}

/** nginx has no OpenTelemetry of its own in 1.22; this much of it can be said in its configuration. */
const http = `map $request_id $parent { "~^(?<half>.{16})" $half; }
  map $http_traceparent $trace { default $http_traceparent; "" "00-$request_id-$parent-01"; }`

const allBut = (...names) => {
  const kept = Object.keys(headers).filter((name) => !names.includes(name))
  return {
    nginx: { http, adds: kept.map((name) => headers[name].nginx) },
    haproxy: { adds: kept.map((name) => headers[name].haproxy) },
    pando: names.length === 0 ? {} : { without: names },
  }
}
const all = allBut()

const patterns = {
  addresses: /^127\.0\.0\.1$/,
  requestId: /^[\da-f-]{32,36}$/,
  traceparent: /^00-[\da-f]{32}-[\da-f]{16}-01$/,
}

/** The service gets the header with the feature, and not without it. */
function checkOf(name) {
  const seen = async (ask) => (await ask('/seen')).text.split('|')[Object.keys(headers).indexOf(name)]
  return async ({ ask, askWithout }) => {
    const [there, gone] = [await seen(ask), await seen(askWithout)]
    expect(patterns[name].test(there), `the service gets ${name} as ${JSON.stringify(there)}`)
    expect(gone === '', `the service gets ${name} also without it`)
  }
}

export const defaults = {
  title: 'What is always on',
  note: 'Each by itself taken out of the whole. Pando has no switch for these: they are taken out of a copy of its build.',
  features: [
    { name: 'X-Request-Id', without: allBut('requestId'), with: all, check: checkOf('requestId') },
    { name: 'traceparent, made', without: allBut('traceparent'), with: all, check: checkOf('traceparent') },
    {
      name: 'metrics: counts, durations and bytes by route',
      without: { nginx: null, haproxy: null, pando: { without: ['metrics'] } },
      with: { ...all, nginx: null, haproxy: null },
      async check({ adminSocket, ask, askWithout, adminSocketWithout }) {
        await ask('/small')
        await askWithout('/small')
        expect(/requests_total\{.*\} [1-9]/.test(await metricsOf(adminSocket)), 'nothing is counted')
        expect(!/requests_total\{.*\} [1-9]/.test(await metricsOf(adminSocketWithout)), 'it is counted without metrics')
      },
    },
    {
      name: 'all of them, with X-Forwarded-For',
      isVerdict: true,
      without: {
        ...allBut('addresses', 'requestId', 'traceparent'),
        pando: { without: ['addresses', 'requestId', 'traceparent', 'metrics'] },
      },
      with: all,
      check: checkOf('addresses'),
    },
  ],
}

function metricsOf(socketPath) {
  return new Promise((done, reject) => {
    const sent = request({ socketPath, path: '/metrics', agent: false }, async (response) => {
      let text = ''
      for await (const chunk of response.setEncoding('utf8')) text += chunk
      done(text)
    })
    sent.on('error', reject).end()
  })
}
