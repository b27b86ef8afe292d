import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import type { Problems } from './problems.js'
import type { Written } from './written.js'

/** A mount in the long form of our manifest, and where it is written. */
export interface ComposeMount {
  readonly value: Readonly<Record<string, unknown>>
  readonly at: Written
}

/** What says how a mount is labelled or cached, on systems that are not this one. */
const harmless = new Set(['z', 'Z', 'cached', 'delegated', 'consistent', 'rw', 'nocopy'])

/** https://docs.docker.com/reference/compose-file/services/#volumes, and tmpfs. */
export function readMounts(service: Written, problems: Problems): ComposeMount[] {
  const volumes = service.get('volumes')
  if (volumes !== undefined && !volumes.isList) {
    problems.refuse(volumes, `expected a list of volumes, got ${volumes.description}`)
  }
  return [
    ...(volumes?.items() ?? []).flatMap((item) =>
      item.isMap ? longMount(item, problems) : shortMount(item, problems),
    ),
    ...problems.textsOf(service.get('tmpfs'), 'a path').map((item) => memory(item, problems)),
  ]
}

function shortMount(item: Written, problems: Problems): ComposeMount[] {
  const [first = '', second, mode = '', ...more] = item.isScalar ? item.text.split(':') : []
  const target = second ?? first
  if (!isAbsolute(target) || more.length > 0) {
    problems.refuse(item, `${item.description} is no volume`, 'write source:/target, or source:/target:ro')
    return []
  }
  const modes = mode.split(',').filter((word) => word !== '')
  for (const word of modes) {
    if (word !== 'ro' && !harmless.has(word)) problems.refuse(item, `the mode "${word}" of a volume is not honoured`)
  }
  const read_only = modes.includes('ro')
  if (second === undefined) return [{ value: { type: 'volume', target }, at: item }]
  if (!/^[./~]/.test(first)) return [{ value: { type: 'volume', source: first, target, read_only }, at: item }]
  // Only the short form makes a folder that is not there.
  const bind = { create_host_path: true }
  return [{ value: { type: 'bind', source: folderOf(item, first), target, read_only, bind }, at: item }]
}

const longKeys = new Set(['type', 'source', 'target', 'read_only', 'bind', 'volume', 'tmpfs', 'consistency'])

function longMount(item: Written, problems: Problems): ComposeMount[] {
  for (const [key, value] of item.entries()) {
    if (!longKeys.has(key) && !key.startsWith('x-')) problems.refuse(value, `unknown key "${key}"`, undefined, 'key')
  }
  const type = item.get('type')
  const source = item.get('source')?.text
  const target = item.get('target')?.text ?? ''
  const read_only = problems.isTrue(item.get('read_only'))
  for (const place of ['volume.subpath', 'bind.propagation', 'bind.recursive', 'tmpfs.mode']) {
    const [group = '', key = ''] = place.split('.')
    const value = item.get(group)?.get(key)
    if (value !== undefined) problems.refuse(value, `"${key}" of a mount is not honoured`, undefined, 'key')
  }
  if (type?.text === 'volume' || type?.text === 'tmpfs') {
    const size = item.get('tmpfs')?.get('size')
    const value =
      type.text === 'tmpfs'
        ? { type: 'tmpfs', target, ...(size === undefined ? {} : { tmpfs: { size: size.value } }) }
        : { type: 'volume', ...(source === undefined ? {} : { source }), target, read_only }
    return [{ value, at: item }]
  }
  if (type?.text === 'bind' && source !== undefined) {
    const create = problems.isTrue(item.get('bind')?.get('create_host_path'))
    const bind = create ? { bind: { create_host_path: true } } : {}
    return [{ value: { type: 'bind', source: folderOf(item, source), target, read_only, ...bind }, at: item }]
  }
  const hint = 'the types are bind (with a source), volume and tmpfs'
  problems.refuse(type ?? item, `this is no mount that is honoured here`, hint)
  return []
}

/** `/run:size=64m,mode=1770` */
function memory(item: Written, problems: Problems): ComposeMount {
  const [target = '', options = ''] = item.text.split(':')
  let size: string | undefined
  for (const option of options.split(',').filter((word) => word !== '')) {
    const [name, value = ''] = option.split('=')
    if (name === 'size') size = value
    else if (option !== 'rw' && option !== 'nosuid' && option !== 'nodev') {
      problems.note(item, `"${option}" has no effect: memory is mounted rw,nosuid,nodev,mode=1777`)
    }
  }
  return { value: { type: 'tmpfs', target, ...(size === undefined ? {} : { tmpfs: { size } }) }, at: item }
}

function folderOf(item: Written, source: string): string {
  return /^~(\/|$)/.test(source) ? join(homedir(), source.slice(1)) : item.pathOf(source)
}
