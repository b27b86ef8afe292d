import type { BuildKind } from '@pando/model'
import type { BuildRoom } from './build-room.js'

/** What a kind adds to the program besides the manifest's own command. */
export interface Made {
  /** What starts it when the manifest does not say; a function that throws when the kind cannot know either. */
  readonly command: () => string | readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly path: readonly string[]
}

export interface BuildKindRecipe {
  /** Gets the folder ready: dependencies, compilation. Left out when the user has a build command. */
  prepare(room: BuildRoom): Promise<void>
  /** Says how to run what is there. */
  describe(room: BuildRoom): Promise<Made>
}

export type BuildKindRecipes = Readonly<Record<BuildKind, (room: BuildRoom) => BuildKindRecipe>>

/** A word of a shell command, quoted where needed (POSIX 2.2.2). */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
