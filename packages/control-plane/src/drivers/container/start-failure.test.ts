import { expect, it } from 'vitest'
import type { StartOrder } from '../driver.js'
import { EngineError } from './engine-client.js'
import { startFailure } from './start-failure.js'

const order = {
  service: 'web',
  address: { host: '127.0.0.1', port: 80 },
  program: { command: ['serve', '--fast'] },
} as unknown as StartOrder

const runc = 'failed to create task for container: OCI runtime create failed: runc create failed: '

it.each<[number, string, string, string]>([
  [500, `${runc}exec: "nope": executable file not found in $PATH: unknown`, 'tool_missing', '"nope" was not found in'],
  [500, `${runc}exec: "/no": stat /no: no such file or directory: unknown`, 'tool_missing', '"/no" was not found in'],
  [500, 'crun: executable file `nope` not found in $PATH: No such file or directory', 'tool_missing', '"nope" was not'],
  [500, 'crun: open executable: No such file or directory: OCI not found', 'tool_missing', '"serve" was not found in'],
  // The engine's own program, in a folder whose name has "exec" in it.
  [
    500,
    'container-init binary not found on the host: stat /usr/libexec/podman/catatonit: no such file or directory',
    'tool_missing',
    'the container engine has no init program',
  ],
  [500, 'exec: "docker-init": executable file not found in $PATH', 'tool_missing', 'engine has no init program'],
  // Neither the program nor the init: a mount that is missing on the way.
  [
    500,
    'error mounting "/usr/libexec/x" to rootfs: stat /usr/libexec/x: no such file or directory',
    'internal',
    'its container could not be started',
  ],
  [
    500,
    'driver failed: Bind for 127.0.0.1:80 failed: port is already allocated',
    'port_taken',
    '127.0.0.1:80 is taken',
  ],
  [500, 'crun: setrlimit `RLIMIT_NPROC`: Operation not permitted: OCI permission denied', 'unsupported', 'may not set'],
  [500, `${runc}error setting rlimit type 7: operation not permitted`, 'unsupported', 'may not set the limits'],
  [404, 'No such image: sha256:1', 'build_failed', 'its image is gone'],
  [400, 'invalid mount', 'build_failed', 'the container engine refuses: invalid mount'],
])('%s %s is %s', (status, message, code, said) => {
  const failure = startFailure(new EngineError(status, message), order)
  expect(failure).toMatchObject({ code, message: expect.stringContaining(said) })
})
