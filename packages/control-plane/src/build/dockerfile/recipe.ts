/** What is looked at in the folder of a service; paths are seen from it. */
export interface FolderView {
  has(path: string): boolean
  /** Null when there is no such file. */
  text(path: string): string | null
  /** Names in a folder; empty when there is none. */
  names(path: string): readonly string[]
}

export interface RecipeOrder {
  readonly service: string
  readonly folder: FolderView
  /** The image that it is built in, and runs in when there is one stage; absent: the language's official one. */
  readonly base?: string
  /** The image that what was built runs in. */
  readonly runtime?: string
  /** Ends with a mistake of the user's. */
  readonly fail: (message: string, hint: string) => Error
}

/** Any user but root would do; a number needs no entry in the image's /etc/passwd. */
export const imageUser = '65532:65532'
export const imageFolder = '/app'

/** The end of every recipe: who runs it, and what starts it where the manifest says nothing. */
export function ending(command: readonly string[] | null): string[] {
  return [`USER ${imageUser}`, ...(command === null ? [] : [`CMD ${JSON.stringify(command)}`])]
}

/** For tools that write times into what they make: the first day that all of their formats can hold. Seconds since 1970. */
export const sourceDate = 'SOURCE_DATE_EPOCH=315532800'

/** The image that the last stage of a written recipe begins with. */
export function lastBase(recipe: string): string {
  const names = [...recipe.matchAll(/^FROM (\S+)/gm)].map(([, name = '']) => name)
  return names.at(-1) ?? ''
}
