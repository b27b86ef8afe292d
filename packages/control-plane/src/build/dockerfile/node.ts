import { ending, imageFolder, type RecipeOrder } from './recipe.js'

interface PackageFile {
  readonly main?: string
  readonly scripts?: Readonly<Record<string, string>>
  readonly dependencies?: object
  readonly devDependencies?: object
}

/** With a build script: what it needs stays in a stage of its own. Without dependencies npm is not asked at all. */
export function nodeLines({ folder, base = 'node:22-slim', runtime = base, fail }: RecipeOrder): string[] {
  let file: PackageFile
  try {
    file = JSON.parse(folder.text('package.json') ?? '{}') as PackageFile
  } catch (error) {
    throw fail(`package.json cannot be read: ${(error as Error).message}`, 'correct package.json')
  }
  const hasBuild = file.scripts?.['build'] !== undefined
  const needs = count(file.dependencies) + (hasBuild ? count(file.devDependencies) : 0)
  const lock = ['package-lock.json', 'npm-shrinkwrap.json'].find((name) => folder.has(name))
  const install = lock === undefined ? 'npm install' : 'npm ci'
  const installing = (options: string): string[] =>
    needs === 0
      ? []
      : [`COPY ${['package.json', ...(lock === undefined ? [] : [lock])].join(' ')} ./`, `RUN ${install}${options}`]
  const end = ending(startCommand(file, folder))
  if (!hasBuild) {
    const head = [`FROM ${base}`, 'ENV NODE_ENV=production', `WORKDIR ${imageFolder}`]
    // What npm remembers of it is neither needed in the image nor the same twice.
    return [...head, ...installing(' --omit=dev && rm -rf /root/.npm'), 'COPY . ./', ...end]
  }
  return [
    `FROM ${base} AS build`,
    `WORKDIR ${imageFolder}`,
    ...installing(''),
    'COPY . ./',
    'RUN npm run build',
    ...(count(file.devDependencies) === 0 ? [] : ['RUN npm prune --omit=dev']),
    '',
    `FROM ${runtime}`,
    'ENV NODE_ENV=production',
    `WORKDIR ${imageFolder}`,
    `COPY --from=build ${imageFolder} ./`,
    ...end,
  ]
}

/** The start script itself, so that no npm stands between the engine's signals and the program. */
function startCommand(file: PackageFile, folder: RecipeOrder['folder']): string[] | null {
  const start = file.scripts?.['start']
  if (start !== undefined) return ['/bin/sh', '-c', start]
  const main = file.main ?? ['index.js', 'server.js', 'app.js'].find((name) => folder.has(name))
  return main === undefined ? null : ['node', main]
}

function count(packages: object = {}): number {
  return Object.keys(packages).length
}
