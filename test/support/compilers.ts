import { spawnSync } from 'node:child_process'
import { existsSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { TarEntry } from '../../packages/control-plane/src/build/tar.js'
import { fileEntry } from './container-engine.js'
import { filesBelow, programEntries } from './offline-images.js'

/** What a command prints; null when it fails or is not there. */
function answerOf(command: string, ...args: string[]): string | null {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : null
}

const which = (name: string): string | null => answerOf('sh', '-c', `command -v ${name}`)

/** A file of this machine at the same path; what a link leads to in its place. */
function hostFile(path: string): TarEntry {
  return fileEntry(path.slice(1), realpathSync(path), (statSync(path).mode & 0o111) === 0 ? 0o644 : 0o755)
}

/** Null where Go is not installed. */
export const goRoot = answerOf('go', 'env', 'GOROOT')

/**
 * Go as it is installed here, without what only its own tests need, and in /gocache what it has compiled of its library for `program`, a
 * folder: to do that in a container takes minutes on a busy machine.
 */
export function goEntries(root: string, program: string): TarEntry[] {
  const cache = join(program, '.gocache')
  const env = { ...process.env, CGO_ENABLED: '0', GOCACHE: cache, GOTOOLCHAIN: 'local', GOPROXY: 'off' }
  spawnSync('go', ['build', '-trimpath', '-ldflags=-s', '-o', '/dev/null', '.'], { cwd: program, env })
  const files = ['bin', 'pkg', 'src', 'lib'].flatMap((name) => filesBelow(join(root, name)))
  return [
    ...['VERSION', 'go.env']
      .map((name) => join(root, name))
      .filter((file) => existsSync(file))
      .map(hostFile),
    ...files.filter((file) => !/_test\.go$|\/testdata\//.test(file)).map(hostFile),
    ...filesBelow(cache).map((file) => fileEntry(`gocache${file.slice(cache.length)}`, file, 0o644)),
  ]
}

/** Null where Rust or the linker that it calls is not installed. */
export const rustRoot =
  which('gcc') === null || which('cargo') === null ? null : answerOf('rustc', '--print', 'sysroot')

/** What gcc links a program with, by the names that it finds them under. */
const linkParts = `crt1.o Scrt1.o crti.o crtn.o crtbegin.o crtbeginS.o crtend.o crtendS.o liblto_plugin.so
  libc.so libc.so.6 libc_nonshared.a libm.so libm.so.6 libmvec.so.1 libgcc.a libgcc_s.so libgcc_s.so.1
  libdl.a libdl.so.2 libpthread.a libpthread.so.0 librt.a librt.so.1 libutil.a`.split(/\s+/)

/** Rust as it is installed here, and gcc as far as it links. */
export function rustEntries(root: string): TarEntry[] {
  const gcc = realpathSync(which('gcc') ?? '')
  const asked = [
    ...linkParts.map((name) => `-print-file-name=${name}`),
    '-print-prog-name=collect2',
    '-print-prog-name=lto-wrapper',
  ]
  // It answers with paths by way of its own folder.
  const found = asked.flatMap((question) => answerOf(gcc, question) ?? []).filter((path) => path.startsWith('/'))
  const parts = found.map((path) => join('/', path))
  // Where /lib is a link to /usr/lib, gcc says the one and what it links with the other.
  const others = parts.filter((path) => /^\/usr\/lib\/.*\.so\.\d+$/.test(path)).map((path) => path.slice(4))
  const lib = join(root, 'lib')
  const libraries = filesBelow(lib).filter((path) => !path.includes('/rustlib/etc/') && !path.includes('/rustlib/src/'))
  const programs = [join(root, 'bin/rustc'), join(root, 'bin/cargo'), gcc, which('ld') ?? '']
  const loaded = libraries.filter((path) => /librustc_driver|libLLVM/.test(path))
  const entries = [
    ...[...parts, ...others.filter((path) => existsSync(path))].map(hostFile),
    ...libraries.map(hostFile),
    ...programEntries([...programs, ...loaded]),
    { kind: 'link', name: 'usr/bin/cc', target: gcc } as const,
  ]
  // Where it was found by way of another folder it is the same file.
  const named = entries.map((entry) => ({ ...entry, name: join('/', entry.name).slice(1) }))
  return [...new Map(named.map((entry) => [entry.name, entry])).values()]
}
