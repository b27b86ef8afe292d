// The service of the soak: answers requests and WebSocket messages that carry numbers, and writes the number of every POST and every
// message that it has taken to files below $OUT before it answers. $BAD makes it a bad one: crash, unhealthy or 500.
// Beside it lies a copy of the package `ws`, as a container has nothing else.
import { appendFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { WebSocketServer } from './ws/wrapper.mjs'

const { BAD, OUT, PORT, HOST, PANDO_INSTANCE: instance } = process.env
if (BAD === 'crash') process.exit(3)

const take = (file, number) => appendFileSync(`${OUT}/${file}`, `${number}\n`)

const server = createServer((request, response) => {
  if (request.url === '/healthz') return void response.writeHead(BAD === 'unhealthy' ? 503 : 200).end()
  const number = request.headers['x-number'] ?? null
  request.resume().on('end', () => {
    if (request.method === 'POST') take('processed', number)
    const answer = { isBad: BAD === '500', number, instance }
    response.writeHead(BAD === '500' ? 500 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  })
})

const sockets = new WebSocketServer({ noServer: true })
server.on('upgrade', (request, socket, head) => {
  if (BAD === '500') return void socket.end('HTTP/1.1 500 Bad\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
  sockets.handleUpgrade(request, socket, head, (client) => {
    client.on('error', () => client.terminate())
    client.on('message', (data) => {
      // What comes behind our closing is not taken: nobody could be told.
      if (client.readyState !== client.OPEN) return
      const number = String(data)
      take('messages', number)
      client.send(JSON.stringify({ number }))
    })
    client.send(JSON.stringify({ instance }))
  })
})

server.listen(Number(PORT), HOST, () => console.log(`listening on ${PORT}`))
process.on('SIGTERM', () => {
  server.close(() => process.exit(0))
  server.closeIdleConnections()
  for (const client of sockets.clients) client.close(1001, 'going away')
})
