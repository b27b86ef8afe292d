import { describe, expect, it } from 'vitest'
import { exitReason } from './exit-reason.js'
import { parseClaim, shell } from './launcher.js'
import { parseStat } from './process-table.js'

describe('shell', () => {
  it.each([
    'flask --app app run --host $HOST --port $PORT',
    'node dist/main.js',
    './server "$PORT" --name="a b"',
    '/usr/bin/env X=1 python app.py',
  ])('lets a plain program take the place of the shell: %s', (command) => {
    expect(shell(command)).toEqual(['/bin/sh', '-c', `exec ${command}`])
  })

  it.each([
    'a && b',
    'a; b',
    'a | b',
    'a &',
    'a > file',
    'X=1 a',
    'cd folder',
    'exec a',
    'if true',
    'echo $(date)',
    'echo `date`',
    '! a',
    '. ./file',
    'a\nb',
    '"quoted program" x',
    'a # why',
    '',
  ])('leaves everything else as it is: %j', (command) => {
    expect(shell(command)).toEqual(['/bin/sh', '-c', command])
  })
})

describe('parseClaim', () => {
  const fields = 'S 1 42 42 0 -1 4194304 100 0 0 0 7 3 0 0 20 0 1 0 109262 3133440 412 1844674'

  it('reads pid and start time, whatever the program is called', () => {
    expect(parseClaim(`42 (sh) ${fields}\n`)).toEqual({ pid: 42, start: '109262' })
    expect(parseClaim(`42 (a) b (c)) ${fields}\n`)).toEqual({ pid: 42, start: '109262' })
    expect(parseStat(`42 (a) b (c)) ${fields}\n`)).toMatchObject({ pid: 42, group: 42, session: 42, start: '109262' })
  })

  it('reads what ps says', () => {
    expect(parseClaim('42 Tue Nov  4 06:03:44 2025\n')).toEqual({ pid: 42, start: 'Tue Nov 4 06:03:44 2025' })
  })

  it('is null for a claim that is not finished, or was called off', () => {
    expect(parseClaim('')).toBeNull()
    expect(parseClaim(`42 (sh) S 1 42 42 0 -1 419`)).toBeNull()
    expect(parseClaim('called off')).toBeNull()
  })
})

describe('exitReason', () => {
  const end = {
    code: null,
    signal: null,
    hadOutOfMemory: false,
    memoryLimitBytes: 64,
    lastLine: () => 'sh: x: not found',
    isShell: false,
  }

  it.each([
    [{ code: 0 }, { kind: 'exit', code: 0 }],
    [{ code: 143 }, { kind: 'exit', code: 143 }],
    [
      { code: 143, isShell: true },
      { kind: 'signal', signal: 'SIGTERM' },
    ],
    [
      { code: 255, isShell: true },
      { kind: 'exit', code: 255 },
    ],
    [{ signal: 'SIGSEGV' }, { kind: 'signal', signal: 'SIGSEGV' }],
    [
      { signal: 'SIGKILL', hadOutOfMemory: true },
      { kind: 'out_of_memory', limitBytes: 64 },
    ],
    [
      { code: 137, hadOutOfMemory: true },
      { kind: 'out_of_memory', limitBytes: 64 },
    ],
    // A worker was killed and its main process carried on to a good end.
    [
      { code: 0, hadOutOfMemory: true },
      { kind: 'exit', code: 0 },
    ],
    [{ hadOutOfMemory: true }, { kind: 'out_of_memory', limitBytes: 64 }],
    [{}, { kind: 'unknown' }],
    [{ code: 127 }, { kind: 'start_failed', detail: 'a command was not found (exit code 127): sh: x: not found' }],
  ])('of %j is %j', (changes, reason) => {
    expect(exitReason({ ...end, ...changes })).toEqual(reason)
  })
})
