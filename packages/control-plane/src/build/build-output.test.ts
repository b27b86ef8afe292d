import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { outputOf } from './build-output.js'

const stagesOf = async (lines: readonly string[]): Promise<readonly string[]> => {
  const said = lines.map((line) => `${JSON.stringify({ stream: `${line}\n` })}\n`).join('')
  const answer = Readable.from([Buffer.from(said)]) as unknown as IncomingMessage
  return (await outputOf(answer, () => {}, { isQuiet: false })).stages
}

it('finds what the stages before the last ended with, as Docker’s classic builder tells it', async () => {
  const stages = stagesOf([
    'Step 1/4 : FROM base AS build',
    ' ---> aaaaaaaaaaaa',
    'Step 2/4 : COPY a /a',
    ' ---> bbbbbbbbbbbb',
    'Step 3/4 : FROM base',
    ' ---> aaaaaaaaaaaa',
    'Step 4/4 : COPY --from=build /a /a',
    ' ---> cccccccccccc',
    'Successfully built cccccccccccc',
  ])
  expect(await stages).toEqual(['bbbbbbbbbbbb'])
})

it('and as Podman does', async () => {
  const stages = stagesOf([
    '[1/2] STEP 1/3: FROM base AS build',
    '[1/2] STEP 2/3: COPY a /a',
    '--> aaaaaaaaaaa',
    '[1/2] STEP 3/3: COPY b /b',
    '--> Using cache bbbbbbbbbbbbbbbbbbbbbbbb',
    '--> bbbbbbbbbbb',
    '[2/2] STEP 1/2: FROM base',
    '[2/2] STEP 2/2: COPY --from=build /a /a',
    '[2/2] COMMIT name',
    '--> ccccccccccc',
  ])
  expect(await stages).toEqual(['bbbbbbbbbbb'])
})

it('fails with what the engine says of the failure', async () => {
  const answer = Readable.from([
    Buffer.from('{"errorDetail":{"message":"no such base"}}'),
  ]) as unknown as IncomingMessage
  await expect(outputOf(answer, () => {}, { isQuiet: true })).rejects.toThrow('no such base')
})
