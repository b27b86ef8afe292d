// @fastify/http-proxy with its defaults (undici upstream), logging off, and the two headers that the others add as well.
import { randomUUID } from 'node:crypto'
import httpProxy from '@fastify/http-proxy'
import fastify from 'fastify'

const [port, upstream] = process.argv.slice(2).map(Number)
const server = fastify({ logger: false })
await server.register(httpProxy, {
  upstream: `http://127.0.0.1:${upstream}`,
  replyOptions: {
    rewriteRequestHeaders: (request, headers) => ({
      ...headers,
      'x-forwarded-for': request.socket.remoteAddress,
      'x-request-id': randomUUID(),
    }),
  },
})
await server.listen({ port, host: '127.0.0.1' })
