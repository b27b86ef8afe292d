import { existsSync } from 'node:fs'
import { mkdir, readdir, symlink } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'

/** Our own state must not be seen in itself, and version control belongs to the folder that is under it. */
const hidden = new Set(['.git', '.hg', '.svn', '.pando'])
/** A folder with more than this in it holds other things than a program's surroundings. */
const mostNeighbours = 1_000

/**
 * Where a copy of `folder` stands below `tree`: as deep as the folder stands in its repository (or in the app's folder, or in the
 * one around it), so that `../lib` and `../../tsconfig.json` lead where they did.
 */
export function placeIn(tree: string, folder: string, appFolder: string): string {
  return join(tree, relative(rootAround(folder, appFolder), folder))
}

/** Links everything beside the folder, at every level up to its root, into the same place around its copy. What is linked is live. */
export async function linkSurroundings(tree: string, folder: string, appFolder: string): Promise<void> {
  const root = rootAround(folder, appFolder)
  for (let inner = folder; inner !== root; inner = dirname(inner)) {
    const outer = dirname(inner)
    const place = join(tree, relative(root, outer))
    await mkdir(place, { recursive: true })
    const names = (await readdir(outer)).filter((name) => name !== basename(inner) && !hidden.has(name))
    if (names.length > mostNeighbours) continue
    for (const name of names) {
      if (!existsSync(join(place, name))) await symlink(join(outer, name), join(place, name)).catch(() => {})
    }
  }
}

function rootAround(folder: string, appFolder: string): string {
  let root = folder === appFolder ? folder : dirname(folder)
  if (isInside(folder, appFolder)) root = appFolder
  for (let at = folder; at !== dirname(at); at = dirname(at)) {
    if (!existsSync(join(at, '.git'))) continue
    if (isInside(root, at)) root = at
    break
  }
  return root
}

/** Strictly. */
function isInside(path: string, folder: string): boolean {
  const inner = relative(folder, path)
  return inner !== '' && !inner.startsWith('..')
}
