// A gRPC service for tests: every method of pando.test.Echo and pando.test.Other answers with the name that it was started with.
import { Server, ServerCredentials } from '@grpc/grpc-js'

const same = (bytes) => bytes
const unary = (service, name) => ({
  path: `/${service}/${name}`,
  requestStream: false,
  responseStream: false,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
})
const answer = (_, callback) => callback(null, Buffer.from(process.env.VERSION ?? ''))

const server = new Server()
for (const service of ['pando.test.Echo', 'pando.test.Other']) {
  server.addService(
    { Unary: unary(service, 'Unary'), Find: unary(service, 'Find'), Rest: unary(service, 'Rest') },
    { Unary: answer, Find: answer, Rest: answer },
  )
}
server.bindAsync(`${process.env.HOST}:${process.env.PORT}`, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error
})
process.once('SIGTERM', () => server.tryShutdown(() => process.exit(0)))
