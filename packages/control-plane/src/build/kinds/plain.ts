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
    `service ${room.order.service}: its folder holds only a Dockerfile, and this revision of it was deployed to run as processes of this machine`,
    { hint: 'deploy it again, to run in a container, with: pando up' },
  )
}
