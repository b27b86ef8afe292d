import { PandoError } from '@pando/model'
import type { BuildKindRecipe } from '../build-kind.js'
import type { BuildRoom } from '../build-room.js'

/** Nothing to build: the manifest says what to run. */
export function plainRecipe(room: BuildRoom): BuildKindRecipe {
  return {
    prepare: async () => {},
    describe: async () => ({
      command: () => {
        throw room.fail('nothing says how to start it', 'set "command" to what starts it')
      },
      environment: {},
      path: [],
    }),
  }
}

export function dockerfileRecipe(room: BuildRoom): BuildKindRecipe {
  throw new PandoError(
    'unsupported',
    `service ${room.order.service}: its folder holds only a Dockerfile, and services run here as processes of this machine, which needs no image`,
    { hint: 'set "command" to what starts it and "build.kind: none" (with "build.command" if it must be built first)' },
  )
}
