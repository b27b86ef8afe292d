import { requireNode } from './node-version.mjs'

requireNode()
const { ensureInstalled } = await import('./install.mjs')
const { build } = await import('./compile.mjs')
const { root } = await import('./run.mjs')
await ensureInstalled(root)
process.exitCode = await build()
