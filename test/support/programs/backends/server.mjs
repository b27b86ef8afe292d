// node:http: answers with what it was asked, and says so on its output.
import { createServer } from 'node:http'

createServer({ insecureHTTPParser: process.argv[3] === 'lenient' }, (request, response) => {
  let length = 0
  request.on('data', (chunk) => (length += chunk.length))
  request.on('end', () => {
    console.log(`seen ${request.method} ${request.url} ${length}`)
    response.end(`${request.method} ${request.url}`)
  })
}).listen(Number(process.argv[2]), '127.0.0.1')
