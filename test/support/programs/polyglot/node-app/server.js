// Asks the others where they said that they are, and answers what they answered.
const { createServer } = require('node:http')

const others = ['flask-app', 'fast-app', 'go-app', 'rust-app', 'java-app']

async function ask(name) {
  const url = process.env[`${name.replace('-', '_').toUpperCase()}_URL`]
  if (url === undefined) return [name, null]
  const answer = await fetch(`${url}/${name}`)
  return [name, (await answer.json()).language]
}

createServer(async (request, response) => {
  const body = { language: 'node' }
  if (request.url === '/node-app/others') body.others = Object.fromEntries(await Promise.all(others.map(ask)))
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(body))
}).listen(Number(process.env.PORT), process.env.HOST)
