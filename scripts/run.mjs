import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's root. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/**
 * Runs a program with our terminal and resolves with its exit code (128 + n when a signal ended it). A SIGTERM to us is passed
 * on; Ctrl-C reaches it from the terminal, as it is in our process group.
 */
export function run(command, args, { cwd = root, env = process.env, stdio = 'inherit' } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, stdio })
    const forward = () => child.kill('SIGTERM')
    process.on('SIGTERM', forward)
    process.on('SIGINT', stay)
    const finish = (code) => {
      process.off('SIGTERM', forward)
      process.off('SIGINT', stay)
      resolve(code)
    }
    child.on('error', (error) => {
      console.error(error.code === 'ENOENT' ? `${command} was not found in PATH.` : `${command}: ${error.message}`)
      finish(127)
    })
    child.on('exit', (code, signal) => {
      // A Ctrl-C that ended the child was meant for us as well.
      if (signal === 'SIGINT' || signal === 'SIGTERM') process.exit(signal === 'SIGINT' ? 130 : 143)
      finish(code ?? 128)
    })
  })
}

// While a child runs, Ctrl-C is the child's to answer; we end when it does.
function stay() {}

/** Runs a tool from node_modules with this very Node, so that no shell and no npx stands between. */
export function runTool(tool, args, options) {
  return run(process.execPath, [join(root, tools[tool]), ...args], options)
}

const tools = {
  tsc: 'node_modules/typescript/bin/tsc',
  oxlint: 'node_modules/oxlint/bin/oxlint',
  oxfmt: 'node_modules/oxfmt/bin/oxfmt',
  knip: 'node_modules/knip/bin/knip.js',
  vitest: 'node_modules/vitest/vitest.mjs',
}
