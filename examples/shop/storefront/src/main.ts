// The storefront: a page that calls users, orders and catalog and shows who served each call.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { call, upstreamsOf, type Overview } from './calls.js'
import { identityOf } from './identity.js'
import { page } from './page.js'

const host = process.env['HOST'] ?? '127.0.0.1'
const port = Number(process.env['PORT'] ?? 3000)
const identity = identityOf(process.env)
const instance = process.env['PANDO_INSTANCE'] ?? identity.instance
const version = process.env['PANDO_REVISION'] ?? identity.version
const upstreams = upstreamsOf(process.env)

async function overview(): Promise<Overview> {
  return { instance, version, calls: await Promise.all(upstreams.map(call)) }
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader('x-served-by', instance)
  if (version !== '') response.setHeader('x-served-version', version)
  // Told to stop: whoever has this connection open shall not send another request on it.
  if (!server.listening) response.setHeader('connection', 'close')
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    return send(response, 405, 'application/json', JSON.stringify({ error: 'Method Not Allowed' }))
  }
  switch ((request.url ?? '/').split('?', 1)[0]) {
    case '/':
      return send(response, 200, 'text/html; charset=utf-8', page(await overview()))
    case '/overview.json':
      return send(response, 200, 'application/json', JSON.stringify(await overview()))
    case '/healthz':
      return send(response, 200, 'application/json', JSON.stringify({ status: 'ok' }))
    default:
      return send(response, 404, 'application/json', JSON.stringify({ error: 'Not Found' }))
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  })
  response.end(body)
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    console.error(error)
    if (response.headersSent) response.destroy()
    else send(response, 500, 'application/json', JSON.stringify({ error: 'Internal Server Error' }))
  })
})
server.listen(port, host, () => console.log(`storefront listens on http://${host}:${port}`))

// What is in flight is finished; idle connections are let go, and with the last one the process ends by itself.
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    server.close()
    server.closeIdleConnections()
  })
}
