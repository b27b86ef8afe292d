import type { Path } from '../source.js'
import { buildKeys } from './keys.js'
import type { AroundService } from './service.js'
import type { Written } from './written.js'

/** `image` and `build`: what is built runs in a container, whatever else is in its folder. */
export function putBuild(service: Written, base: Path, { draft, problems }: AroundService): void {
  const image = service.get('image')
  const build = service.get('build')
  if (build === undefined) {
    if (image !== undefined) draft.put([...base, 'image'], image.isScalar ? image.text : image.value, image)
    else problems.refuse(service, 'this service has neither an image nor a build', undefined, 'key')
    return
  }
  if (image !== undefined) {
    problems.note(image, '"image" beside "build" has no effect', 'what is built is named after its contents', 'key')
  }
  const at = [...base, 'build']
  draft.put(at, {}, build)
  draft.put([...at, 'kind'], 'dockerfile', build)
  const context = build.isMap ? build.get('context') : build
  if (context !== undefined && !context.isScalar) {
    problems.refuse(context, `expected a folder or a map, got ${context.description}`)
    return
  }
  if (context !== undefined && /^(https?|git|ssh):\/\/|^git@|\.git(#|$)/.test(context.text)) {
    problems.refuse(context, 'a context that is fetched is not honoured', 'fetch it to a folder first')
    return
  }
  draft.put([...at, 'context'], (context ?? build).pathOf(context?.text ?? '.'), context ?? build)
  if (!build.isMap) return
  problems.checkKeys(build, buildKeys)
  for (const key of ['dockerfile', 'target'] as const) {
    const value = build.get(key)
    if (value !== undefined) draft.put([...at, key], value.isScalar ? value.text : value.value, value)
  }
  const args = build.get('args')
  if (args === undefined) return
  draft.put([...at, 'args'], args.value, args)
  for (const [key, value] of args.entries()) draft.place([...at, 'args', key], value)
}
