import { ending, imageFolder, sourceDate, type RecipeOrder } from './recipe.js'

/** Requirements first: they change seldom, and what is installed of them stays in the engine's cache. */
export function pythonLines({ folder, base = 'python:3-slim' }: RecipeOrder): string[] {
  const requirements = folder.text('requirements.txt')
  const isInstalled =
    requirements === null && /^\s*\[(?:project|build-system)\]/m.test(folder.text('pyproject.toml') ?? '')
  const isAnyRequired = /^\s*[^#\s]/m.test(requirements ?? '')
  const main = ['main.py', 'app.py', '__main__.py'].find((name) => folder.has(name))
  // Compiled modules then say which source they are of by its contents, not by its time.
  const pip = `RUN ${sourceDate} pip install --no-cache-dir --disable-pip-version-check`
  return [
    `FROM ${base}`,
    'ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1',
    `WORKDIR ${imageFolder}`,
    // One file may name others (`-r base.txt`), which are then not there yet: all are copied.
    ...(isAnyRequired ? ['COPY *requirements*.txt ./', `${pip} -r requirements.txt`] : []),
    'COPY . ./',
    ...(isInstalled ? [`${pip} .`] : []),
    ...ending(main === undefined ? null : ['python', main]),
  ]
}
