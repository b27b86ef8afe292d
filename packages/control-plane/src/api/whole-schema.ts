import type { z } from '@hono/zod-openapi'

/** The type with every field needed and writable, however deep: what is left are names and kinds. */
type Bare<T> = T extends readonly (infer Item)[]
  ? Bare<Item>[]
  : T extends object
    ? { -readonly [Key in keyof T]-?: Bare<Exclude<T[Key], undefined>> }
    : T

type IsSame<One, Other> = [One] extends [Other] ? ([Other] extends [One] ? true : false) : false

/**
 * Takes a schema that has every field of the type, however deep, and no other: anything else does not compile. `satisfies` would let fields be
 * missing that may be absent.
 */
export function wholeSchema<Type>() {
  return <Schema extends z.ZodType<Type>>(
    schema: IsSame<Bare<z.infer<Schema>>, Bare<Type>> extends true ? Schema : 'it lacks a field of the type',
  ): Schema => schema as Schema
}
