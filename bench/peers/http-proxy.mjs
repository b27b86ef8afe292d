// http-proxy as its documentation has it, with a keep-alive agent and the two headers that the others add as well.
import { randomUUID } from 'node:crypto'
import { Agent, createServer } from 'node:http'
import httpProxy from 'http-proxy'

const [port, upstream] = process.argv.slice(2).map(Number)
const proxy = httpProxy.createProxyServer({
  target: `http://127.0.0.1:${upstream}`,
  agent: new Agent({ keepAlive: true, maxSockets: 64 }),
  xfwd: true,
})
proxy.on('error', (_error, _request, response) => {
  response.statusCode = 502
  response.end()
})
createServer((request, response) => {
  request.headers['x-request-id'] = randomUUID()
  proxy.web(request, response)
}).listen(port, '127.0.0.1')
