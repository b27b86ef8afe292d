// A service of gRPC for grpc-js, which NODE_PATH leads to: Unary answers with its instance and VERSION, or fails when it is told to; health as grpc.health.v1 has it. Messages
// are bare bytes, so that no generated code is needed.
const grpc = require('@grpc/grpc-js')

const same = (bytes) => bytes
const method = (path) => ({
  path,
  requestStream: false,
  responseStream: false,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
})
const { HOST, PORT, VERSION, PANDO_INSTANCE } = process.env

let isWarm = false
const server = new grpc.Server()
server.addService(
  { Unary: method('/pando.test.Echo/Unary') },
  {
    Unary: (call, callback) => {
      const request = String(call.request)
      if (request === 'fail') callback({ code: grpc.status.INTERNAL, details: 'as asked' })
      else if (request === 'warm up' && !isWarm) {
        isWarm = true
        callback({ code: grpc.status.UNAVAILABLE, details: 'not yet' })
      } else callback(null, Buffer.from(`${VERSION} ${PANDO_INSTANCE} ${request}`))
    },
  },
)
// HealthCheckResponse { status: SERVING }
server.addService(
  { Check: method('/grpc.health.v1.Health/Check') },
  { Check: (_call, callback) => callback(null, Buffer.from([0x08, 0x01])) },
)
server.bindAsync(`${HOST}:${PORT}`, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error
  console.log(`serving on ${PORT}`)
})
process.on('SIGTERM', () => server.tryShutdown(() => process.exit(0)))
