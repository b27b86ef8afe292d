import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'
import { root } from './source-tree.js'

interface GatewayWithout {
  readonly parts: readonly string[]
  gatewayWithout(options: { root: string; folder: string; name: string; without: readonly string[] }): string
}

it('the parts that a benchmark takes out of the built gateway are still where it looks for them', async () => {
  const module = pathToFileURL(join(root, 'bench/gateway/gateway-without.mjs')).href
  const { gatewayWithout, parts } = (await import(module)) as GatewayWithout
  const folder = mkdtempSync(join(tmpdir(), 'pando-bench-'))
  try {
    const entry = gatewayWithout({ root, folder, name: 'less', without: parts })
    expect(entry.endsWith('dist/main.js')).toBe(true)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
