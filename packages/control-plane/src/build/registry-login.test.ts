import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { registryLogin } from './registry-login.js'

let home: string

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'pando-login-'))
  mkdirSync(join(home, '.docker'))
})

afterEach(() => rmSync(home, { recursive: true }))

const auth = Buffer.from('ann:pass:word').toString('base64')

function config(value: unknown): void {
  writeFileSync(join(home, '.docker/config.json'), typeof value === 'string' ? value : JSON.stringify(value))
}

function helper(name: string, script: string): void {
  const file = join(home, `docker-credential-${name}`)
  writeFileSync(file, `#!/bin/sh\n${script}\n`)
  chmodSync(file, 0o755)
}

async function login(registry: string, more: Record<string, string> = {}): Promise<Record<string, string>> {
  const environment = { HOME: home, PATH: `${home}:/usr/bin:/bin`, ...more }
  const header = await registryLogin(registry, environment)
  // With its padding: Podman takes it only so.
  expect(header).toMatch(/^(?:[\w-]{4})*(?:[\w-]{2}==|[\w-]{3}=)?$/)
  return JSON.parse(Buffer.from(header, 'base64url').toString('utf8'))
}

it('is what docker login has written down', async () => {
  config({ auths: { 'r.example': { auth }, 'https://index.docker.io/v1/': { identitytoken: 'token' } } })
  expect(await login('r.example')).toEqual({ username: 'ann', password: 'pass:word', serveraddress: 'r.example' })
  expect(await login('docker.io')).toEqual({ identitytoken: 'token', serveraddress: 'https://index.docker.io/v1/' })
  expect(await login('other:5000')).toEqual({ serveraddress: 'other:5000' })
})

it('is nothing where nobody has logged in, and elsewhere when DOCKER_CONFIG says so', async () => {
  expect(await login('r.example')).toEqual({ serveraddress: 'r.example' })
  writeFileSync(join(home, 'config.json'), JSON.stringify({ auths: { 'r.example': { auth } } }))
  expect(await login('r.example', { DOCKER_CONFIG: home })).toMatchObject({ username: 'ann' })
})

it('is what the helper of that registry knows, or that of all', async () => {
  helper('all', 'read server; echo "{\\"Username\\":\\"$server\\",\\"Secret\\":\\"s\\"}"')
  helper('one', 'echo \'{"Username":"<token>","Secret":"t"}\'')
  helper('none', 'echo "credentials not found in native keychain"; exit 1')
  config({ credsStore: 'all', credHelpers: { 'one.example': 'one', 'none.example': 'none' }, auths: {} })
  expect(await login('r.example')).toMatchObject({ username: 'r.example', password: 's' })
  expect(await login('one.example')).toMatchObject({ identitytoken: 't' })
  expect(await login('none.example')).toEqual({ serveraddress: 'none.example' })
})

it.each<[unknown, string]>([
  ['{', 'cannot be read'],
  [{ credsStore: 'broken' }, 'docker-credential-broken does not tell the login of r.example: locked'],
  [{ credsStore: 'absent' }, 'docker-credential-absent does not tell'],
  [{ credsStore: 'odd' }, 'answers what is no login'],
])('%j is said to be wrong', async (value, message) => {
  helper('broken', 'echo locked; exit 1')
  helper('odd', 'echo hello')
  config(value)
  await expect(login('r.example')).rejects.toThrow(message)
})
