import { PandoError } from '@pando/model'

/** A name that an image is given, taken apart. */
export interface ImageName {
  /** Host and port; `docker.io` where none is written. */
  readonly registry: string
  /** With the registry as it was written, without the tag. */
  readonly repository: string
  readonly tag: string
}

const part = String.raw`[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*`
const host = String.raw`(?:localhost|[\w-]+(?:\.[\w-]+)+|\[[0-9a-fA-F:]+\]|[\w.-]+(?=:\d))(?::\d{1,5})?`
/** Source: https://github.com/distribution/reference, without digests: an image is given a tag. */
const pattern = new RegExp(`^((?:(${host})/)?${part}(?:/${part})*)(?::([\\w][\\w.-]{0,127}))?$`)

/** Throws `usage` for what is no name of an image. */
export function parseImageName(text: string): ImageName {
  const [, repository, registry = 'docker.io', tag = 'latest'] = pattern.exec(text) ?? []
  if (repository === undefined || text.length > 512) {
    throw new PandoError('usage', `"${text}" is no name for an image`, {
      hint: 'for example registry.example.com/shop/web:1.2, in small letters',
    })
  }
  return { registry, repository, tag }
}

/** Of this machine alone: what Docker asks without TLS. */
export function isOnLoopback(registry: string): boolean {
  return /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/.test(registry)
}
