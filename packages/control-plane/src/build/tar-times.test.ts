import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { tarEntries, withoutTimes } from './tar-times.js'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pando-tar-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

/** As GNU tar writes the folder, its files of that time. */
function packed(format: string, seconds: number): Buffer {
  const long = `${'n'.repeat(90)}/${'m'.repeat(90)}`
  mkdirSync(join(folder, long), { recursive: true })
  writeFileSync(join(folder, long, 'file'), 'x'.repeat(1500))
  writeFileSync(join(folder, 'a'), 'one')
  rmSync(join(folder, 'link'), { force: true })
  symlinkSync('a', join(folder, 'link'))
  for (const name of ['a', long, `${long}/file`, '.']) utimesSync(join(folder, name), seconds, seconds + 0.25)
  const args = ['--format', format, '--sort=name', '-b', '1', '-C', folder, '-cf', '-', '.']
  return spawnSync('tar', args, { maxBuffer: 1e7 }).stdout
}

/** In pieces that fit to no block. */
const stream = (bytes: Buffer, piece = 700) =>
  Readable.from(
    Array.from({ length: Math.ceil(bytes.length / piece) }, (_, n) => bytes.subarray(n * piece, (n + 1) * piece)),
  )

async function without(bytes: Buffer): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of withoutTimes(stream(bytes))) chunks.push(chunk)
  return Buffer.concat(chunks)
}

it.each(['gnu', 'pax'])('takes every time out of a %s archive, and nothing else', async (format) => {
  const [first, second] = [packed(format, 1_000_000), packed(format, 1_700_000_000)]
  expect(first.equals(second)).toBe(false)
  const timeless = await without(second)
  expect(timeless.equals(await without(first))).toBe(true)
  const listed = (...more: string[]) =>
    spawnSync('tar', [...more, '-tvf', '-', '--utc', '--full-time'], { input: timeless })
  expect(listed().stderr.toString()).toBe('')
  const lines = listed().stdout.toString().trim().split('\n')
  expect(lines).toHaveLength(6)
  expect(lines.every((line) => line.includes('1970-01-01 00:00:00 '))).toBe(true)
  expect(lines.some((line) => line.includes(`${'m'.repeat(90)}/file`))).toBe(true)
  expect(spawnSync('tar', ['-xOf', '-', './a'], { input: timeless }).stdout.toString()).toBe('one')
})

it('reads entries in order, whether their contents are asked for or not', async () => {
  const found: string[] = []
  for await (const { name, type, target, size, contents } of tarEntries(stream(packed('ustar', 5)))) {
    let text = ''
    if (name === './a') for await (const chunk of contents()) text += chunk.toString()
    found.push([name.slice(-6), type, size, target, text].join(' '))
  }
  expect(found).toEqual([
    './ 5 0  ',
    './a 0 3  one',
    './link 2 0 a ',
    'nnnnn/ 5 0  ',
    'mmmmm/ 5 0  ',
    'm/file 0 1500  ',
  ])
})

it('does not take a piece for the whole', async () => {
  const archive = packed('pax', 5)
  await expect(without(archive.subarray(0, 700))).rejects.toThrow('ends too early')
})
