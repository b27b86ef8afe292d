import type { BuildKind } from '@pando/model'
import { expect, it } from 'vitest'
import { generateDockerfile } from './generated.js'

const fail = (message: string) => new Error(message)

function generate(kind: BuildKind, files: Readonly<Record<string, string>>, images: object = {}): string[] {
  const folder = {
    has: (path: string) => Object.hasOwn(files, path),
    text: (path: string) => files[path] ?? null,
    names: (path: string) => {
      const start = path === '.' ? '' : `${path}/`
      const below = Object.keys(files).filter((name) => name.startsWith(start))
      return [...new Set(below.map((name) => name.slice(start.length).split('/')[0] ?? ''))]
    },
  }
  return (generateDockerfile(kind, { service: 'web', folder, fail, ...images }) ?? '').trimEnd().split('\n')
}

it('builds a Node program in a stage of its own, and leaves its tools there', () => {
  const file = { scripts: { build: 'tsc', start: 'node dist/main.js' }, devDependencies: { typescript: '7' } }
  expect(generate('node', { 'package.json': JSON.stringify(file), 'package-lock.json': '{}' })).toEqual([
    'FROM node:22-slim AS build',
    'WORKDIR /app',
    'COPY package.json package-lock.json ./',
    'RUN npm ci',
    'COPY . ./',
    'RUN npm run build',
    'RUN npm prune --omit=dev',
    '',
    'FROM node:22-slim',
    'ENV NODE_ENV=production',
    'WORKDIR /app',
    'COPY --from=build /app ./',
    'USER 65532:65532',
    'CMD ["/bin/sh","-c","node dist/main.js"]',
  ])
})

it('asks npm for nothing where nothing is needed, in the image that the manifest names', () => {
  expect(generate('node', { 'package.json': '{}', 'server.js': '' }, { base: 'node:local' })).toEqual([
    'FROM node:local',
    'ENV NODE_ENV=production',
    'WORKDIR /app',
    'COPY . ./',
    'USER 65532:65532',
    'CMD ["node","server.js"]',
  ])
})

it('installs what Python requires before the sources are copied', () => {
  const lines = generate('python', { 'requirements.txt': '# web\nflask\n', 'app.py': '' })
  const at = (start: string) => lines.findIndex((line) => line.startsWith(start))
  expect(at('RUN SOURCE_DATE_EPOCH')).toBeGreaterThan(at('COPY *requirements*.txt'))
  expect(at('COPY . ')).toBeGreaterThan(at('RUN SOURCE_DATE_EPOCH'))
  expect(lines.at(-1)).toBe('CMD ["python","app.py"]')
  expect(generate('python', { 'requirements.txt': '# none\n' }).join('\n')).not.toContain('pip')
  expect(generate('python', { 'pyproject.toml': '[project]\nname = "x"\n' }).join('\n')).toMatch(
    /RUN SOURCE_DATE_EPOCH=\d+ pip install .* \.\n/,
  )
})

it('takes of a compiled program only the program along', () => {
  expect(generate('go', { 'go.mod': '', 'go.sum': '', 'cmd/api/main.go': '' })).toEqual([
    'FROM golang:1 AS build',
    'WORKDIR /src',
    'COPY go.mod go.sum ./',
    'RUN go mod download',
    'COPY . ./',
    'RUN CGO_ENABLED=0 go build -trimpath -ldflags=-s -o /out/web ./cmd/api',
    '',
    'FROM debian:stable-slim',
    'WORKDIR /app',
    'COPY --from=build /out/web /usr/local/bin/web',
    'USER 65532:65532',
    'CMD ["/usr/local/bin/web"]',
  ])
  const rust = generate('rust', { 'Cargo.toml': '[package]\nname = "api"\n', 'Cargo.lock': '' })
  expect(rust).toContain('RUN cargo build --release --locked --bin api')
  expect(rust.at(-1)).toBe('CMD ["/usr/local/bin/api"]')
  expect(generate('java-maven', { 'pom.xml': '<a>spring-boot</a>' }).at(-1)).toContain('--server.port=$PORT')
})

it('says when it cannot tell what to build', () => {
  expect(() => generate('go', { 'cmd/a/x.go': '', 'cmd/b/x.go': '' })).toThrow('which of its programs to build')
  expect(() => generate('rust', { 'Cargo.toml': '[workspace]\n' })).toThrow('which of its programs to run')
  expect(() => generate('node', { 'package.json': '{' })).toThrow('package.json cannot be read')
  expect(generate('none', {})).toEqual([''])
})
