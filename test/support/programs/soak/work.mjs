// The service of the soak that speaks HTTP and WebSocket: answers requests and messages that carry numbers, and writes the number of every
// POST and every message that it has taken to files below $OUT before it answers.
// With a service `peer`, whose program is this one too, a GET goes on to that, and from there back to the service: both ways must work.
import { createServer, get } from 'node:http'
import { WebSocketServer } from 'ws'
import { answerTo, greeting, isWell, take } from './numbers.mjs'

const { PORT, HOST, PEER_URL, WORK_URL } = process.env

const end = (response, code, text) => response.writeHead(code, { 'content-type': 'application/json' }).end(text)

const server = createServer((request, response) => {
  if (request.url === '/healthz') return void response.writeHead(isWell() ? 200 : 503).end()
  const number = request.headers['x-number'] ?? null
  request.resume().on('end', () => {
    if (request.method === 'POST') take('processed', number)
    const { isGood, answer } = answerTo(number)
    const hop = Number(request.headers['x-hop'] ?? '0')
    const next = [PEER_URL, WORK_URL][hop]
    if (!isGood || request.method !== 'GET' || next === undefined)
      return end(response, isGood ? 200 : 500, JSON.stringify(answer))
    // What went wrong further on is told as it is.
    ask(next, number, hop + 1, (code, text) => end(response, code, code === 200 ? JSON.stringify(answer) : text))
  })
})

function ask(url, number, hop, answered) {
  const headers = { 'x-hop': String(hop), ...(number === null ? {} : { 'x-number': number }) }
  get(url, { agent: false, headers }, (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (chunk) => (text += chunk))
    response.on('end', () => answered(response.statusCode, text))
    response.on('error', (error) => answered(502, `hop ${hop} broke off: ${error.message}`))
  }).on('error', (error) => answered(502, `hop ${hop}: ${error.message}`))
}

const sockets = new WebSocketServer({ noServer: true })
server.on('upgrade', (request, socket, head) => {
  if (!answerTo(null).isGood)
    return void socket.end('HTTP/1.1 500 Bad\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
  sockets.handleUpgrade(request, socket, head, (client) => {
    client.on('error', () => client.terminate())
    client.on('message', (data) => {
      // What comes behind our closing is not taken: nobody could be told.
      if (client.readyState !== client.OPEN) return
      const number = String(data)
      take('messages', number)
      client.send(JSON.stringify({ number }))
    })
    client.send(greeting)
  })
})

server.listen(Number(PORT), HOST, () => console.log(`listening on ${PORT}`))
process.on('SIGTERM', () => {
  server.close(() => process.exit(0))
  server.closeIdleConnections()
  for (const client of sockets.clients) client.close(1001, 'going away')
})
