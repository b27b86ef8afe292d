import { requireNode } from './node-version.mjs'

requireNode()
const { ensureInstalled } = await import('./install.mjs')
const { build } = await import('./compile.mjs')
await ensureInstalled()
process.exitCode = await build()
