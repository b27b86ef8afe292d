// Writes docs/reference from the built manifest schema and control API: `node scripts/generate-reference.mjs`, after `npm run build`.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { controlApiDocument, manifestJsonSchema, manifestReference } from '../packages/control-plane/dist/index.js'
import { runTool } from './run.mjs'

const folder = new URL('../docs/reference/', import.meta.url)
const schema = new URL('pando.schema.json', folder)
const openapi = new URL('openapi.json', folder)
const product = new URL('../packages/control-plane/package.json', import.meta.url)
const { version } = JSON.parse(await readFile(product, 'utf8'))
await mkdir(folder, { recursive: true })
await writeFile(new URL('manifest.md', folder), manifestReference())
await writeFile(schema, `${JSON.stringify(manifestJsonSchema(), null, 2)}\n`)
await writeFile(openapi, `${JSON.stringify(controlApiDocument(version), null, 2)}\n`)
process.exitCode = await runTool('oxfmt', ['--write', fileURLToPath(schema), fileURLToPath(openapi)])
