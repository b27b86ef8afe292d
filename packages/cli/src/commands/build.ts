import { PandoError, type AppSpec, type RevisionSpec } from '@pando/model'
import type { Command } from 'commander'
import { newCommand, projectOf, type Attach } from '../command.js'
import { note, print, printJson } from '../context.js'
import { untilInterrupted } from '../interrupt.js'
import { imageRoom, readImages } from '../manifest-reader.js'
import { renderSize } from '../render/size.js'
import { renderTable } from '../render/table.js'

export function buildCommand(attach: Attach): Command {
  const command = newCommand('build', 'make the images of services, of all that can have one or of those named')
    .argument('[service...]', 'the services')
    .option('--print', 'only show the Dockerfile that is written for each; needs no engine')
  return attach<{ readonly print?: boolean }>(command, async (invocation) => {
    const { context, options, args } = invocation
    const { manifest, stateDir } = projectOf(invocation)
    const app = await readImages(manifest, context.env, args)
    const revisions = choose(app, args)
    if (revisions.length === 0) {
      throw new PandoError('usage', 'no service of the manifest can be made an image', {
        hint: 'give one a folder with a program or a Dockerfile under "build"',
      })
    }
    const { buildImage, generatedRecipe } = await imageRoom()
    if (options.print === true) {
      const recipes = revisions.map((revision) => ({ service: revision.service, recipe: generatedRecipe(revision) }))
      if (options.json === true) printJson(context, recipes)
      for (const { service, recipe } of options.json === true ? [] : recipes) {
        const ignored = (recipe?.ignore ?? '').trim().split('\n').join(' ')
        const text =
          recipe === null ? '# It has a Dockerfile of its own.\n' : `${recipe.dockerfile}# left out: ${ignored}\n`
        print(context, `# ${service}\n${text}`)
      }
      return 0
    }
    const built = await untilInterrupted(async (signal) => {
      const images = []
      for (const revision of revisions) {
        const onOutput = (line: string): void => note(context, `${context.paint.dim(revision.service)} ${line}`)
        const image = await buildImage(revision, {
          appName: app.name,
          stateDir,
          environment: context.env,
          onOutput,
          signal,
        })
        images.push({ service: revision.service, ...image })
      }
      return images
    })
    if (options.json === true) printJson(context, built)
    else {
      const rows = built.map(({ service, tag, id, bytes, isCached }) => {
        return [
          context.paint.name(service),
          tag,
          id.slice(0, 19),
          renderSize(bytes),
          isCached ? 'there already' : 'built',
        ]
      })
      print(context, renderTable(['SERVICE', 'IMAGE', 'DIGEST', 'SIZE', ''], rows, { paint: context.paint }))
    }
    return 0
  })
}

/** Those that run in an image by name have none to be built. */
function choose({ services }: AppSpec, names: readonly string[]): RevisionSpec[] {
  for (const name of names) {
    const service = services[name]
    if (service === undefined) throw new PandoError('not_found', `there is no service ${name}`)
    const image = service.revision.container?.image
    if (image != null) throw new PandoError('usage', `service ${name} runs in the image ${image}: none is built`)
  }
  const all = Object.values(services).map(({ revision }) => revision)
  return all.filter(({ service, container }) =>
    names.length > 0 ? names.includes(service) : container !== undefined && container.image === null,
  )
}
