import { expect, it } from 'vitest'
import { readFrom } from './reading.suite.js'

const manifest = `services:
  web: { build: ./web, command: serve }
gateway:
  authenticators:
    users: { jwt: { secret: secrets/token, audience: shop } }
    tools: { basic: { file: ./passwords } }
    web: { login: { issuer: "https://id.example", client_id: a, client_secret: c, cookie_secret: /etc/cookie } }
    open: { api_keys: {} }
  rate_limit_store: { url_file: secrets/redis, on_failure: deny }
`

function warningsOf(folders: Record<string, readonly string[] | null>): string[] {
  const result = readFrom(manifest, { folders })
  if (result.kind !== 'read') throw new Error(JSON.stringify(result.diagnostics))
  return result.warnings.map(({ line, message, hint }) => `${line}: ${message} (${hint})`)
}

it('warns of files for the gateway that are not there, with their line and what comes of it', () => {
  const until = 'until it is there, routes with this authenticator answer 503'
  expect(warningsOf({ '/app/secrets': null })).toEqual([
    `5: there is no file "/app/secrets/token" (${until})`,
    `6: there is no file "/app/passwords" (${until})`,
    `7: there is no file "/etc/cookie" (${until})`,
    `7: there is no file "/app/c" (${until})`,
    '9: there is no file "/app/secrets/redis" (until it is there, requests go as on_failure says: deny)',
  ])
})

it('says nothing of files that are there, and does not ask for what is in them', () => {
  const folders = { '/app/secrets': ['token', 'redis'], '/app': ['passwords', 'c'], '/etc': ['cookie'] }
  expect(warningsOf(folders)).toEqual([])
})
