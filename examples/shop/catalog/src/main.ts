// The catalog service: what the shop sells. A plain node:http program; it would run the same anywhere.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { identityOf } from './identity.js'
import { products } from './products.js'

const host = process.env['HOST'] ?? '127.0.0.1'
const port = Number(process.env['PORT'] ?? 5003)
const identity = identityOf(process.env)

function answer(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('x-served-by', identity.instance)
  if (identity.version !== '') response.setHeader('x-served-version', identity.version)
  // Told to stop: whoever has this connection open shall not send another request on it.
  if (!server.listening) response.setHeader('connection', 'close')
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    return send(response, 405, { error: 'Method Not Allowed' })
  }
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
  if (path === '/healthz') return send(response, 200, { status: 'ok' })
  if (path === '/catalog' || path === '/catalog/') return send(response, 200, { products })
  const id = /^\/catalog\/(\d{1,9})$/.exec(path)?.[1]
  const product = id === undefined ? undefined : products.find((item) => item.id === Number(id))
  if (product !== undefined) return send(response, 200, product)
  send(response, 404, { error: path.startsWith('/catalog/') ? 'Product not found' : 'Not Found' })
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

const server = createServer(answer)
server.listen(port, host, () => console.log(`catalog listens on http://${host}:${port}`))

// What is in flight is finished; idle connections are let go, and with the last one the process ends by itself.
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    server.close()
    server.closeIdleConnections()
  })
}
