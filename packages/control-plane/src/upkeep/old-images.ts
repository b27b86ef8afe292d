import type { NamedImage } from '../build/built-images.js'
import { revisionFolder } from '../revisions/revision-folder.js'
import { hasLeft, type KeptRevisions, type RevisionFacts } from './kept-revisions.js'
import { imageNotedIn } from './old-folders.js'

/**
 * Whether an image may still be needed: it is made of a kept revision, or was asked for last (`pando build` makes some ahead, and what
 * is run from its folder as it is has no other record).
 */
export function isImageKept(
  { service, tag }: Pick<NamedImage, 'service' | 'tag'>,
  query: {
    readonly stateDir: string
    readonly facts: Pick<RevisionFacts, 'desired'>
    readonly kept: KeptRevisions
    readonly isAll: boolean
    readonly latestImage: (service: string) => string | null
  },
): boolean {
  const { stateDir, facts, kept, isAll, latestImage } = query
  const revisions = kept.get(service) ?? []
  const isOfKept = revisions.some(({ source, spec: { build } }) => {
    return source !== null && imageNotedIn(revisionFolder(stateDir, { service, source, build }).path) === tag
  })
  if (isOfKept) return true
  const isLive = revisions.some(({ source }) => source === null)
  return (isLive || !(isAll || hasLeft(facts, service))) && latestImage(service) === tag
}
