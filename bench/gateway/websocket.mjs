// `websocket.mjs echo PORT` sends back every message; `websocket.mjs load PORT CONNECTIONS SECONDS` sends the next when the last has come back.
import { WebSocket, WebSocketServer } from 'ws'

const message = 'x'.repeat(125)
const [role, ...numbers] = process.argv.slice(2)
if (role === 'echo') echo(Number(numbers[0]))
else await load(...numbers.map(Number))

function echo(port) {
  const server = new WebSocketServer({ host: '127.0.0.1', port, perMessageDeflate: false })
  server.on('connection', (socket) => socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })))
}

async function load(port, connections, seconds) {
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)))
  let [count, errors] = [0, 0]
  let isOver = false
  for (const socket of sockets) {
    socket.on('message', (data) => {
      if (data.toString() === message) count++
      else errors++
      if (!isOver) socket.send(message)
    })
    socket.on('close', () => (errors += isOver ? 0 : 1))
    socket.send(message)
  }
  await new Promise((done) => setTimeout(done, seconds * 1_000))
  isOver = true
  for (const socket of sockets) socket.terminate()
  console.log(`result ${count} ${errors}`)
}

function open(port) {
  return new Promise((done, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false })
    socket.once('open', () => done(socket))
    socket.once('error', reject)
  })
}
