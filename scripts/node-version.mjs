// Kept free of new syntax, so that an old Node still reads it and says what is wrong instead of failing to parse.
const floor = [20, 20]

export function requireNode(running = process.versions.node) {
  const [major, minor] = running.split('.').map(Number)
  if (major > floor[0] || (major === floor[0] && minor >= floor[1])) return
  console.error(`Pando needs Node ${floor.join('.')} or newer; this is Node ${running} (${process.execPath}).`)
  console.error('Install a newer one from https://nodejs.org or with your version manager, then run the command again.')
  process.exit(1)
}
