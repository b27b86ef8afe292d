#!/usr/bin/env node
// npm links a command only when its file is there at install, which is before anything has been built: so this one always is.
import { existsSync } from 'node:fs'

const main = new URL('../dist/main.js', import.meta.url)
if (existsSync(main)) await import(main.href)
else {
  console.error('Pando has not been built yet. Next: npm run build')
  process.exitCode = 1
}
