// The service of the soak that speaks gRPC: Look may be asked twice, Take writes its number down, Converse acknowledges one number after the
// other. Messages are bare text, so that no generated code is needed; the number of a unary call is in its metadata, as in a header of HTTP.
import { Server, ServerCredentials, status } from '@grpc/grpc-js'
import { answerTo, greeting, isWell, take } from './numbers.mjs'

const same = (bytes) => bytes
const method = (path, isStream) => ({
  path,
  requestStream: isStream,
  responseStream: isStream,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: Buffer.from,
  responseDeserialize: same,
})

function answer(call, callback) {
  const { isGood, answer } = answerTo(call.metadata.get('x-number')[0] ?? null)
  const text = JSON.stringify(answer)
  if (isGood) callback(null, text)
  else callback({ code: status.INTERNAL, details: text })
}

function answerTaken(call, callback) {
  take('processed', call.metadata.get('x-number')[0])
  answer(call, callback)
}

const conversations = new Set()

function converse(call) {
  const { isGood, answer } = answerTo(null)
  if (!isGood) return void call.emit('error', { code: status.INTERNAL, details: JSON.stringify(answer) })
  conversations.add(call)
  call.on('data', (bytes) => {
    // What comes behind our end is not taken: nobody could be told.
    if (!conversations.has(call)) return
    const number = String(bytes)
    take('messages', number)
    call.write(JSON.stringify({ number }))
  })
  const leave = () => conversations.delete(call) && call.end()
  call.on('end', leave)
  call.on('cancelled', () => conversations.delete(call))
  call.on('error', () => conversations.delete(call))
  call.write(greeting)
}

const server = new Server()
server.addService(
  {
    Look: method('/pando.soak.Numbers/Look', false),
    Take: method('/pando.soak.Numbers/Take', false),
    Converse: method('/pando.soak.Numbers/Converse', true),
  },
  { Look: answer, Take: answerTaken, Converse: converse },
)
server.addService(
  { Check: { ...method('/grpc.health.v1.Health/Check', false), responseSerialize: same } },
  // HealthCheckResponse { status: SERVING or NOT_SERVING }
  { Check: (_call, callback) => callback(null, Buffer.from([0x08, isWell() ? 1 : 2])) },
)
const { HOST, PORT } = process.env
server.bindAsync(`${HOST}:${PORT}`, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error
  console.log(`serving on ${PORT}`)
})
process.on('SIGTERM', () => {
  server.tryShutdown(() => process.exit(0))
  for (const call of conversations) call.end()
  conversations.clear()
})
