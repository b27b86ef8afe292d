// The service of the soak: answers requests and WebSocket messages that carry numbers, and writes the number of every POST and every
// message that it has taken to files below $OUT before it answers. $BAD makes it a bad one: crash, crash-later, unhealthy or 500.
// It reads what was built for it with every request: any other file than its own revision's is an error that the soak counts.
// With a service `peer`, whose program is this one too, a GET goes on to that, and from there back to the service: both ways must work.
// Beside it lies a copy of the package `ws`, as a container has nothing else.
import { appendFileSync, readFileSync } from 'node:fs'
import { createServer, get } from 'node:http'
import { WebSocketServer } from './ws/wrapper.mjs'

const { BAD, OUT, PORT, HOST, VERSION, SOURCE, PEER_URL, WORK_URL, PANDO_INSTANCE: instance } = process.env
if (BAD === 'crash') process.exit(3)

const take = (file, number) => appendFileSync(`${OUT}/${file}`, `${number}\n`)

function answerTo(number) {
  const built = readFileSync(new URL('built', import.meta.url), 'utf8')
  if (built !== SOURCE) return { status: 500, answer: { isMixed: true, number, instance, built, SOURCE } }
  return { status: BAD === '500' ? 500 : 200, answer: { isBad: BAD === '500', number, instance, version: VERSION } }
}

const end = (response, code, text) => response.writeHead(code, { 'content-type': 'application/json' }).end(text)

const server = createServer((request, response) => {
  if (request.url === '/healthz') {
    // Well for long enough to be given requests, and gone soon after.
    if (BAD === 'crash-later') setTimeout(die, 200)
    return void response.writeHead(BAD === 'unhealthy' ? 503 : 200).end()
  }
  const number = request.headers['x-number'] ?? null
  request.resume().on('end', () => {
    if (request.method === 'POST') take('processed', number)
    const { status, answer } = answerTo(number)
    const hop = Number(request.headers['x-hop'] ?? '0')
    const next = [PEER_URL, WORK_URL][hop]
    if (status !== 200 || request.method !== 'GET' || next === undefined)
      return end(response, status, JSON.stringify(answer))
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

function die() {
  take('deaths', instance)
  process.exit(4)
}

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
    client.send(JSON.stringify({ instance, isDoomed: BAD === 'crash-later' }))
  })
})

server.listen(Number(PORT), HOST, () => console.log(`listening on ${PORT}`))
process.on('SIGTERM', () => {
  server.close(() => process.exit(0))
  server.closeIdleConnections()
  for (const client of sockets.clients) client.close(1001, 'going away')
})
