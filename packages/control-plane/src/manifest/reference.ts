import { manifestJsonSchema, type JsonSchema } from './json-schema.js'
import { unsupportedServiceKeys } from './unsupported.js'

/** The reference of the manifest in Markdown, made from the schema; docs/reference/manifest.md holds it. */
export function manifestReference(): string {
  const schema = manifestJsonSchema()
  const definitions = schema.$defs ?? {}
  const sections: string[] = []
  const add = (title: string, part: JsonSchema | undefined): void => {
    if (part !== undefined) sections.push(...section(title, part, definitions))
  }
  add('The top level', schema)
  add('services.*', definitions['service'])
  add('autoscale', definitions['autoscale'])
  add('schedule', objectForm(definitions['schedule'], definitions))
  add('rollout', definitions['rollout'])
  add('balancer', objectForm(definitions['balancer'], definitions))
  add('ejection', objectForm(definitions['ejection'], definitions))
  add('circuit_breaker', definitions['circuit_breaker'])
  add('develop', definitions['develop'])
  add('services.*.routes[]', objectForm(definitions['route'], definitions))
  add('retry', definitions['retry'])
  add('hedge', definitions['hedge'])
  add('auth', objectForm(definitions['auth'], definitions))
  add('gateway', definitions['gateway'])
  add('authenticator', definitions['authenticator'])
  add('api', definitions['api'])
  return `${[introduction, ...sections, notes(), ''].join('\n').trimEnd()}\n`
}

const introduction = `# The manifest

This page is made from the schema in \`packages/control-plane/src/manifest/schema.ts\` by \`node scripts/generate-reference.mjs\`; change it there.
Editors read the same as a JSON Schema: put \`# yaml-language-server: $schema=<path to pando.schema.json>\` in the first line of \`pando.yaml\`.

\`\`\`yaml
name: shop
services:
  users:
    build: ./users
    command: flask --app app run --host $HOST --port $PORT
    healthcheck: /healthz
    replicas: 2
    routes: [/users]
  orders:
    build: ./orders
    depends_on: [users]
    routes: [/orders]
gateway:
  port: 8080
\`\`\`

Words are Compose's where Compose has the idea. A word that is not known, or that Compose knows and Pando does not honour yet, is a mistake:
nothing is ignored in silence. Keys that begin with \`x-\` are yours. \`pando config\` shows what was understood, with every default.
`

/** A heading, a table of the fields, and one section for each field that has fields of its own. */
function section(title: string, schema: JsonSchema, definitions: Readonly<Record<string, JsonSchema>>): string[] {
  const rows: string[] = []
  const below: string[] = []
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const target = resolve(field, definitions)
    const isRequired = schema.required?.includes(name) ?? false
    const description = field.description ?? target.description ?? ''
    rows.push(
      `| \`${name}\` | ${shape(field, definitions)} | ${[isRequired ? 'Required.' : '', escape(description)].filter(Boolean).join(' ')} |`,
    )
    const inner = field.$ref === undefined ? innerObject(field) : undefined
    if (inner !== undefined)
      below.push(
        ...section(`${title === 'The top level' ? '' : `${title}.`}${name}${inner.suffix}`, inner.schema, definitions),
      )
  }
  if (rows.length === 0) return []
  const heading = title === 'The top level' ? title : `\`${title}\``
  return [`## ${heading}`, '', '| field | value | meaning |', '|---|---|---|', ...rows, '', ...below]
}

function resolve(schema: JsonSchema, definitions: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const name = schema.$ref?.split('/').at(-1)
  return name === undefined ? schema : (definitions[name] ?? schema)
}

/** The map form of a value that may also be written shorter. */
function objectForm(
  schema: JsonSchema | undefined,
  definitions: Readonly<Record<string, JsonSchema>>,
): JsonSchema | undefined {
  return schema?.anyOf?.map((form) => resolve(form, definitions)).find(({ properties }) => properties !== undefined)
}

function innerObject(field: JsonSchema): { schema: JsonSchema; suffix: string } | undefined {
  for (const form of field.anyOf ?? [field]) {
    if (form.properties !== undefined) return { schema: form, suffix: '' }
    const inItems = form.items === undefined ? undefined : innerObject(form.items)
    if (inItems !== undefined) return { schema: inItems.schema, suffix: '[]' }
    const more = form.additionalProperties
    const inMap = typeof more === 'object' ? innerObject(more) : undefined
    if (inMap !== undefined) return { schema: inMap.schema, suffix: '.*' }
  }
  return undefined
}

/** What a value may be, in a few words: `text`, `10s`-like, a choice, a list. */
function shape(field: JsonSchema, definitions: Readonly<Record<string, JsonSchema>>): string {
  const schema = resolve(field, definitions)
  const name = field.$ref?.split('/').at(-1)
  if (name !== undefined) return `[${name}](#${anchors[name] ?? name})`
  const forms = (schema.anyOf ?? [schema]).filter((form) => form['pattern'] !== String.raw`\$\{`)
  const words = forms.map((form) => formShape(form, definitions)).filter((word) => word !== '')
  return [...new Set(words)].join(' or ')
}

function formShape(form: JsonSchema, definitions: Readonly<Record<string, JsonSchema>>): string {
  if (form.enum !== undefined) return form.enum.map((word) => `\`${String(word)}\``).join(' ')
  if (form.const !== undefined) return `\`${String(form.const)}\``
  if (form.$ref !== undefined || form.anyOf !== undefined) return shape(form, definitions)
  const pattern = typeof form['pattern'] === 'string' ? form['pattern'] : ''
  if (pattern.includes('(h|ms|m|s)')) return 'duration'
  if (pattern.includes('kKmMgGtT')) return 'size'
  // The other form of a number, a measure or a choice is a variable, which the notes tell once.
  if (pattern.endsWith(String.raw`|\$\{`)) return ''
  if (form.type === 'integer' || form.type === 'number') {
    const least = form['minimum'] ?? `above ${String(form['exclusiveMinimum'])}`
    // A bare number beside a duration or size is 0, or bytes: said in the notes.
    if (form['maximum'] === undefined) return ''
    return `${form.type === 'integer' ? 'whole number' : 'number'}, ${String(least)} to ${String(form['maximum'])}`
  }
  if (form.type === 'array') return `list of ${form.items === undefined ? 'values' : shape(form.items, definitions)}`
  if (form.type === 'object') {
    return typeof form.additionalProperties === 'object'
      ? `map of ${shape(form.additionalProperties, definitions)}`
      : 'map'
  }
  if (form.type === 'boolean') return '`true` `false`'
  return (Array.isArray(form.type) ? form.type : [form.type])
    .map((type) => plainTypes[String(type)] ?? String(type))
    .join(', ')
}

/** Headings as they are linked to: without punctuation. */
const anchors: Readonly<Record<string, string>> = { service: 'services', route: 'servicesroutes' }

const plainTypes: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'number',
  boolean: 'true or false',
  null: 'nothing',
}

function escape(text: string): string {
  return text
    .replaceAll('|', String.raw`\|`)
    .replaceAll('*', String.raw`\*`)
    .replaceAll('<', '&lt;')
}

function notes(): string {
  return `## Durations and sizes

A duration has a unit: \`500ms\`, \`10s\`, \`1m30s\`, \`2h\`; only \`0\` goes without. A size is a number of bytes, or has a unit: \`512k\`, \`64M\`, \`1G\`.
Units of size are powers of 1024; \`64M\`, \`64MB\`, \`64Mi\` and \`64MiB\` are the same.

## Variables

| written | becomes |
|---|---|
| \`$NAME\`, \`\${NAME}\` | the value of the variable; a mistake when it is not set |
| \`\${NAME:-word}\` | the word when the variable is not set or empty; \`\${NAME-word}\` only when it is not set |
| \`\${NAME:?message}\` | a mistake with that message when it is not set or empty; \`\${NAME?message}\` only when it is not set |
| \`\${NAME:+word}\` | the word when it is set and not empty, else nothing; \`\${NAME+word}\` when it is set |
| \`$$\` | a dollar sign |

Variables come from the environment of whoever runs \`pando\`. They are replaced in values, not in keys, and words may hold further variables.

**Commands** (\`command\`, \`build.command\`, a health check's \`command\` and \`test\`) are read by a shell afterwards, so the two share the dollar sign:

- \`$NAME\` is the shell's, always. It sees the environment of the instance: \`$PORT\`, \`$HOST\`, everything under \`environment\`.
- \`\${NAME}\` with a name that the instance is given (\`PORT\`, \`HOST\`, \`PANDO_*\`, \`OTEL_*\`, what its \`environment\` and \`env_file\` set, the addresses of
  other services, and what every program has: \`PATH\`, \`HOME\`, \`USER\`, \`LANG\`, \`TZ\`, \`TMPDIR\`, ...) is the shell's as well, and so is what only a shell knows: \`$(date)\`, \`$1\`, \`\${NAME%.*}\`.
- Any other \`\${NAME}\` is replaced when the manifest is read, as everywhere else. \`$$\` is a dollar sign.

This differs from Compose in one thing: a bare \`$NAME\` in a command needs no second dollar sign. \`$$NAME\` works as in Compose.
A command that is a list is executed without a shell, so nothing replaces \`$PORT\` in it; that is worth a warning.

## Environment

A value is handed to the program as it is written: \`VERSION: 1.10\` is \`1.10\`. \`PORT\`, \`HOST\` (of a service that listens) and \`PANDO_*\` are given by
Pando: under \`environment\` they are a mistake, in an \`env_file\` they have no effect and are worth a warning. A name without a value that is not set
where \`pando\` runs is left out, with a warning.

## Profiles

A service with \`profiles\` is only there when one of them is asked for: \`PANDO_PROFILES=debug,tools pando up\` (\`*\` is all). Depending on or routing to a service that is
not there is a mistake, unless the dependency says \`required: false\`.

## Several files

\`include\` names further manifests. Paths in a file are seen from its own folder. A service, and each of \`name\`, \`gateway\` and \`api\`, is written once in
the whole app; files that include each other are a mistake. A file is at most 1 MiB, in UTF-8, one YAML 1.2 document; anchors, aliases and merge
keys (\`<<\`) work.

## Not supported yet

These words of Compose are mistakes for now, each with a hint on what to write instead where there is something:
${unsupportedServiceKeys()
  .map((key) => `\`${key}\``)
  .join(', ')}.
`
}
