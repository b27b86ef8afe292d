import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { appOf, readFrom } from '../reading.suite.js'
import { renderConfig } from '../render.js'

const folder = join(import.meta.dirname, '../../../../../test/support/compose')

/** The files of one sample, as if its folder were /app. */
function sample(name: string): { path: string; text: string; files: Record<string, string> } {
  const files = readdirSync(join(folder, name)).filter((file) => file !== 'config')
  const texts = Object.fromEntries(
    files.map((file) => [`/app/${file.replace('dot-', '.')}`, readFileSync(join(folder, name, file), 'utf8')]),
  )
  const path = Object.keys(texts).find((file) => /\/(docker-)?compose\.ya?ml$/.test(file)) ?? ''
  return { path, text: texts[path] ?? '', files: texts }
}

describe.each(readdirSync(folder))('the sample %s', (name) => {
  const { path, text, files } = sample(name)
  const variables = { PANDO_PROFILES: 'mail' }
  const result = readFrom(text, { path, files, variables })

  it('is understood as what its config says', async () => {
    expect(result).toMatchObject({ kind: 'read' })
    const { app, warnings } = result as Extract<typeof result, { kind: 'read' }>
    const said = warnings.map(({ line, message }) => `# line ${line}: ${message}\n`).join('')
    await expect(`${said}${renderConfig(app)}`).toMatchFileSnapshot(join(folder, name, 'config'))
  })

  it('means the same in our words', () => {
    const { app } = result as Extract<typeof result, { kind: 'read' }>
    const again = appOf(renderConfig(app, { showSecrets: true }), { files })
    expect(again).toEqual({ ...app, manifest: again.manifest })
  })
})
