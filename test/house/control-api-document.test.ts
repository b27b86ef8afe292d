import { expect, it } from 'vitest'
import { read, sourceFiles } from './source-tree.js'

const schemas = sourceFiles()
  .filter((file) => file.startsWith('packages/control-plane/src/api/') && !file.endsWith('.test.ts'))
  .map((file) => ({ file, text: read(file) }))
  .filter(({ text }) => text.includes('.openapi('))

it('every named schema of the control API has all that its type has: it is made by wholeSchema', () => {
  const named = schemas.flatMap(({ text }) => [...text.matchAll(/\.openapi\('(\w+)'/g)].map(([, name]) => name))
  expect(named).toEqual(expect.arrayContaining(['Route', 'GatewayConfig', 'AppStatus']))
  const loose = schemas.filter(({ text }) => text.includes('satisfies z.ZodType')).map(({ file }) => file)
  expect(loose).toEqual([])
  const model = sourceFiles()
    .filter((file) => file.startsWith('packages/model/src/'))
    .map(read)
    .join('\n')
  const unheld = schemas.flatMap(({ file, text }) =>
    text.split(/^(?=export const |const )/m).flatMap((declaration) => {
      const name = /\.openapi\('(\w+)'/.exec(declaration)?.[1]
      const isOfTheModel = name !== undefined && new RegExp(`^export (interface|type) ${name}\\b`, 'm').test(model)
      return isOfTheModel && !declaration.includes('wholeSchema<') ? [`${file}: ${name}`] : []
    }),
  )
  expect(unheld).toEqual([])
})
