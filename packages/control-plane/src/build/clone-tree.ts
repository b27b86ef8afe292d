import { constants } from 'node:fs'
import { copyFile, link, mkdir, readdir, readlink, symlink } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Makes a second tree beside the first; links stay as they are. `canLink`: both may share their files (hard links), because
 * nobody writes into one; otherwise each has its own, which costs nothing where the file system can share blocks.
 */
export async function cloneTree(from: string, to: string, options: { readonly canLink: boolean }): Promise<void> {
  await mkdir(to, { recursive: true })
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name)
    const target = join(to, entry.name)
    if (entry.isDirectory()) await cloneTree(source, target, options)
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target)
    else if (entry.isFile()) await (options.canLink ? linkOrCopy(source, target) : copy(source, target))
  }
}

/** Some file systems have no hard links, or no more of them. */
async function linkOrCopy(source: string, target: string): Promise<void> {
  await link(source, target).catch(() => copy(source, target))
}

function copy(source: string, target: string): Promise<void> {
  return copyFile(source, target, constants.COPYFILE_FICLONE)
}
