import { z } from 'zod'
import { manifestSchema } from './schema.js'

/** As much of a JSON Schema as we make and read. */
export interface JsonSchema {
  readonly $ref?: string
  readonly $defs?: Readonly<Record<string, JsonSchema>>
  readonly title?: string
  readonly description?: string
  readonly type?: string | readonly string[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly JsonSchema[]
  readonly items?: JsonSchema
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | JsonSchema
  readonly [keyword: string]: unknown
}

/**
 * The manifest's schema for editors, JSON Schema draft 2020-12. It says what one field may hold; what needs several fields, other
 * files or the disk is only told by `loadManifest`. Fields that take a number, a choice or a measure also take a `${VARIABLE}`.
 */
export function manifestJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(manifestSchema, {
    target: 'draft-2020-12',
    io: 'input',
    override: ({ jsonSchema }) => adapt(jsonSchema),
  })
  return schema as JsonSchema
}

function adapt(schema: Record<string, unknown>): void {
  const better = schema['jsonSchema']
  if (better !== undefined) {
    for (const key of ['jsonSchema', 'type', 'anyOf']) delete schema[key]
    Object.assign(schema, better)
  }
  if (Array.isArray(schema['enum']) && schema['type'] === 'string') {
    schema['anyOf'] = [{ enum: schema['enum'] }, { type: 'string', pattern: String.raw`\$\{` }]
    delete schema['enum']
    delete schema['type']
  }
  // Extensions are allowed wherever our own words are.
  if (schema['additionalProperties'] === false) schema['patternProperties'] = { '^x-': true }
}
