import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { findProject } from './project.js'

let root = ''

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pando-project-'))
  await mkdir(join(root, 'examples/shop'), { recursive: true })
  await writeFile(join(root, 'examples/shop/pando.yaml'), '')
})

afterAll(async () => {
  await rm(root, { recursive: true, force: true })
})

it('names a manifest that lies below when there is none here or above', () => {
  expect(() => findProject(root, {})).toThrowError(
    expect.objectContaining({ hint: expect.stringMatching(/: -f examples\/shop\/pando\.yaml\. Or write one .*init/) }),
  )
})
