// A server of Node's own that answers every read with the same bytes and keeps nothing: `bare-node.mjs port [certificate key]`.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'

const [port, cert, key] = process.argv.slice(2)
const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const onData = function () {
  this.write(answer)
}
const ignore = () => {}
const serve = (socket) => socket.on('error', ignore).on('data', onData)
const options = { noDelay: true, allowHalfOpen: true }
const server =
  cert === undefined
    ? createServer(options, serve)
    : createTlsServer({ ...options, cert: readFileSync(cert), key: readFileSync(key), minVersion: 'TLSv1.3' }, serve)
server.listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 })
