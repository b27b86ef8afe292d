import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from './run.mjs'

/** Installs what the repository needs, and ends this process when that cannot be done. */
export async function ensureInstalled() {
  if (await install(root, 'dependencies')) return
  console.error('Check the network and the npm registry setting, then run the command again.')
  process.exit(1)
}

/** Runs `npm ci` in `folder` unless what its lockfile asks for is already there, and says so when it does. False when it failed. */
export async function install(folder, label) {
  const missing = firstMissing(folder)
  if (missing === null) return true
  console.log(`Installing ${label} (${missing}) …`)
  // Development dependencies hold the compiler, so they are wanted even where NODE_ENV says production.
  const args = ['ci', '--include=dev', '--no-progress', '--loglevel=error']
  const code = await run('npm', args, { cwd: folder })
  if (code !== 0) console.error(`npm ci in ${folder} ended with code ${code}.`)
  return code === 0
}

/**
 * Why an install is needed, or null. npm writes what it has installed to node_modules/.package-lock.json as its last act, so
 * an interrupted install, a pull that changed the lockfile and an install without development dependencies are all seen.
 */
function firstMissing(folder) {
  const installedFile = join(folder, 'node_modules', '.package-lock.json')
  if (!existsSync(installedFile)) return 'first run'
  const wanted = packagesOf(join(folder, 'package-lock.json'))
  const installed = packagesOf(installedFile)
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.includes('node_modules/') || entry.optional || entry.devOptional || entry.peer) continue
    const found = installed[path]
    if (found === undefined) return `${path.slice(path.lastIndexOf('node_modules/') + 13)} is missing`
    if (found.version !== entry.version) return `${path.slice(path.lastIndexOf('node_modules/') + 13)} has changed`
  }
  return null
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages ?? {}
  } catch {
    return {}
  }
}
