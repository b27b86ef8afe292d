// Writes docs/reference from the built manifest schema: `node scripts/generate-reference.mjs`, after `npm run build`.
import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { manifestJsonSchema, manifestReference } from '../packages/control-plane/dist/index.js'
import { runTool } from './run.mjs'

const folder = new URL('../docs/reference/', import.meta.url)
const schema = new URL('pando.schema.json', folder)
await mkdir(folder, { recursive: true })
await writeFile(new URL('manifest.md', folder), manifestReference())
await writeFile(schema, `${JSON.stringify(manifestJsonSchema(), null, 2)}\n`)
process.exitCode = await runTool('oxfmt', ['--write', fileURLToPath(schema)])
