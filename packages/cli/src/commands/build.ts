import type { BuiltImage } from '@pando/control-plane'
import { PandoError, type AppSpec, type RevisionSpec } from '@pando/model'
import type { Command } from 'commander'
import { newCommand, projectOf, type Attach } from '../command.js'
import { note, print, printJson, type Context } from '../context.js'
import { untilInterrupted } from '../interrupt.js'
import { imageRoom, readImages } from '../manifest-reader.js'
import { renderSize } from '../render/size.js'
import { renderTable } from '../render/table.js'

interface BuildOptions {
  readonly print?: boolean
  readonly push?: boolean
  readonly tag: readonly string[]
}

/** An image, and the names that it was given, each with the digest under which its registry has it. */
interface Made extends BuiltImage {
  readonly service: string
  readonly names: readonly { readonly name: string; readonly pushed: string | null }[]
}

const collect = (name: string, before: readonly string[]): readonly string[] => [...before, name]
/** In a name: whose image it is. */
const placeholder = '{service}'

export function buildCommand(attach: Attach): Command {
  const command = newCommand('build', 'make the images of services, of all that can have one or of those named')
    .argument('[service...]', 'the services')
    .option('--print', 'only show the Dockerfile that is written for each; needs no engine')
    .option(
      '-t, --tag <name>',
      `give it this name, too; with ${placeholder} for several; may be given again`,
      collect,
      [],
    )
    .option('--push', 'send it to the registry of each name')
  return attach<BuildOptions>(command, async (invocation) => {
    const { context, options, args } = invocation
    const { manifest, stateDir } = projectOf(invocation)
    const app = await readImages(manifest, context.env, args)
    const revisions = choose(app, args)
    await checkNames(options, revisions)
    if (options.print === true) {
      await showRecipes(revisions, context, options.json === true)
      return 0
    }
    const room = await imageRoom()
    const publisher = room.imagePublisherFor(context.env)
    const built = await untilInterrupted(async (signal) => {
      const images: Made[] = []
      for (const revision of revisions) {
        const { service } = revision
        const onOutput = (line: string): void => note(context, `${context.paint.dim(service)} ${line}`)
        const order = { appName: app.name, stateDir, environment: context.env, onOutput, signal }
        const image = await room.buildImage(revision, order)
        const names = []
        for (const name of options.tag.map((tag) => tag.replaceAll(placeholder, service))) {
          await publisher.tag(image.tag, name)
          names.push({ name, pushed: options.push === true ? await publisher.push(name, onOutput, signal) : null })
        }
        images.push({ service, ...image, names })
      }
      return images
    }).finally(() => publisher.close())
    if (options.json === true) printJson(context, built)
    else print(context, render(built, context))
    return 0
  })
}

function render(built: readonly Made[], { paint }: Context): string {
  const rows = built.flatMap(({ service, tag, id, bytes, isCached, names }) => [
    [paint.name(service), tag, id.slice(0, 19), renderSize(bytes), isCached ? 'there already' : 'built'],
    ...names.map(({ name, pushed }) => ['', name, pushed?.slice(0, 19) ?? '', '', pushed === null ? 'named' : 'sent']),
  ])
  return renderTable(['SERVICE', 'IMAGE', 'DIGEST', 'SIZE', ''], rows, { paint })
}

async function showRecipes(revisions: readonly RevisionSpec[], context: Context, isJson: boolean): Promise<void> {
  const { generatedRecipe } = await imageRoom()
  const recipes = revisions.map((revision) => ({ service: revision.service, recipe: generatedRecipe(revision) }))
  if (isJson) printJson(context, recipes)
  for (const { service, recipe } of isJson ? [] : recipes) {
    const ignored = (recipe?.ignore ?? '').trim().split('\n').join(' ')
    const text =
      recipe === null ? '# It has a Dockerfile of its own.\n' : `${recipe.dockerfile}# left out: ${ignored}\n`
    print(context, `# ${service}\n${text}`)
  }
}

/** Before anything is built. */
async function checkNames({ tag, push }: BuildOptions, revisions: readonly RevisionSpec[]): Promise<void> {
  const { parseImageName } = await imageRoom()
  if (push === true && tag.length === 0) {
    throw new PandoError('usage', '--push needs a name of a registry, and an image’s own is of this machine', {
      hint: `for example --tag registry.example.com/shop/${placeholder}:1.2 --push`,
    })
  }
  for (const name of tag) {
    if (revisions.length > 1 && !name.includes(placeholder)) {
      throw new PandoError('usage', `--tag ${name}: ${revisions.length} images cannot have one name`, {
        hint: `name one service, or write ${placeholder} into the name`,
      })
    }
    for (const { service } of revisions) parseImageName(name.replaceAll(placeholder, service))
  }
}

/** Those that run in an image by name have none to be built. */
function choose({ services }: AppSpec, names: readonly string[]): RevisionSpec[] {
  for (const name of names) {
    const service = services[name]
    if (service === undefined) throw new PandoError('not_found', `there is no service ${name}`)
    const image = service.revision.container?.image
    if (image != null) throw new PandoError('usage', `service ${name} runs in the image ${image}: none is built`)
  }
  const chosen = Object.values(services).flatMap(({ revision }) => {
    const { service, container } = revision
    const isChosen = names.length > 0 ? names.includes(service) : container !== undefined && container.image === null
    return isChosen ? [revision] : []
  })
  if (chosen.length > 0) return chosen
  throw new PandoError('usage', 'no service of the manifest can be made an image', {
    hint: 'give one a folder with a program or a Dockerfile under "build"',
  })
}
