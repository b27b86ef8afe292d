/**
 * How an instance's first process becomes the user's program. It is a shell that
 *
 * 1. joins its control groups, so that their limits hold from the program's first instruction, and all that it will ever spawn is found
 *    in them;
 * 2. claims the run: it creates the claim file, which must not exist yet, and writes who it is into it (its own line of /proc, with
 *    pid and start time). So both are on disk before any of the user's code runs, and whoever creates the file first decides
 *    whether the run happens: a later control plane that finds a record without a claim creates the claim itself, and this shell
 *    then ends with 125 without running anything;
 * 3. becomes the program (`exec`), so pid, process group and session stay the same.
 *
 * The program is started through env(1), which takes the variables out again that shells put in by themselves (PWD, and in some
 * shells more), and puts those in that shells keep for themselves or do not pass on (names with dots, for example).
 */
const script = `while [ "$1" != -- ]; do
  { printf '%s\\n' $$ > "$1"; } 2>/dev/null
  shift
done
if [ -r /proc/$$/stat ]; then read -r __pando_me < /proc/$$/stat; else __pando_me="$$ $(LC_ALL=C ps -o lstart= -p $$)"; fi
set -C
{ printf '%s\\n' "$__pando_me" > "$2"; } 2>/dev/null || exit 125
shift 2
exec "$@"`

/** Set, changed or held back by one shell or another. */
const shellVariables = ['_', 'OLDPWD', 'PWD', 'SHLVL', 'EUID', 'IFS', 'OPTIND', 'PPID', 'PS1', 'PS2', 'PS4', 'UID']

export interface Launch {
  readonly file: string
  readonly args: readonly string[]
}

export function launch(options: {
  /** Absolute path of the claim file. */
  readonly claim: string
  /** Absolute paths of `cgroup.procs` files to join. */
  readonly joins: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly command: string | readonly string[]
}): Launch {
  const { environment } = options
  const removals = shellVariables.filter((name) => environment[name] === undefined).flatMap((name) => ['-u', name])
  const additions = Object.entries(environment)
    .filter(([name]) => shellVariables.includes(name) || !/^[A-Za-z_]\w*$/.test(name))
    .map(([name, value]) => `${name}=${value}`)
  const program = typeof options.command === 'string' ? shell(options.command) : options.command
  return {
    file: '/bin/sh',
    args: [
      '-c',
      script,
      'pando',
      ...options.joins,
      '--',
      options.claim,
      '/usr/bin/env',
      ...removals,
      ...additions,
      ...program,
    ],
  }
}

/** Who wrote the claim; null while it is being written, or when it says that the run was called off. */
export function parseClaim(text: string): { readonly pid: number; readonly start: string } | null {
  if (!text.endsWith('\n')) return null
  const linux = /^(\d+) \(.*\) (.+)\n$/.exec(text)
  if (linux !== null) return { pid: Number(linux[1]), start: (linux[2] ?? '').split(' ')[19] ?? '' }
  const ps = /^(\d+) (.+)\n$/.exec(text)
  return ps === null ? null : { pid: Number(ps[1]), start: (ps[2] ?? '').trim().split(/\s+/).join(' ') }
}

/**
 * A command line for `sh -c`. Most shells stay in front of the program as its parent, die of the stop signal before the program has
 * finished, and hide what it ended with; so a command that is one plain program is put behind `exec`, and is the instance itself.
 */
export function shell(command: string): readonly string[] {
  return ['/bin/sh', '-c', isPlain(command) ? `exec ${command}` : command]
}

/** Words that mean something to the shell itself, so that no program answers to them. */
const shellWords = new Set(
  (
    'alias bg bind break builtin case cd command continue declare do done elif else esac eval exec exit export fc fg fi for ' +
    'function getopts hash if in jobs let local read readonly return select set shift shopt source then time times trap type ' +
    'typeset ulimit umask unalias unset until wait while'
  ).split(' '),
)

function isPlain(command: string): boolean {
  const first = /^[\w./-]+/.exec(command.trim())?.[0]
  if (first === undefined || first === '.' || shellWords.has(first)) return false
  if (command.trim()[first.length] === '=') return false
  return !/[;&|()<>`\n\\!{}]/.test(command) && !/\s#/.test(command)
}
