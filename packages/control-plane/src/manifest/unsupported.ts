/**
 * Words of Compose that this version does not honour, with what to do instead. They are mistakes: what is ignored in silence is
 * found out in production. The keys are the places where the words are allowed; `*` stands for a name of the user's.
 */
const unsupported: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '': {
    networks: 'every service reaches every other by its <NAME>_URL',
    configs: 'a service may read any file of the machine as it is',
    models: '',
  },
  'services.*': {
    dockerfile: 'write it under "build", beside the "context"',
    networks: 'every service reaches every other by its <NAME>_URL',
    network_mode: '',
    configs: 'the service may read any file of the machine as it is',
    deploy: 'write replicas and resources directly under the service',
    scale: 'write "replicas"',
    ports: 'write "routes" to reach it through the gateway, or "port" when the program insists on one',
    expose: 'not needed: every service reaches every other by its <NAME>_URL',
    links: 'not needed: every service reaches every other by its <NAME>_URL',
    extends: 'use a YAML anchor and a merge key: <<: *name',
    annotations: '',
    logging: 'write "logs" with max_size and max_files',
    group_add: '',
    privileged: '',
    container_name: 'instances are named after their service',
    domainname: '',
    tty: '',
    stdin_open: '',
    devices: '',
    gpus: '',
    security_opt: '',
    ipc: '',
    pid: '',
    platform: '',
    pull_policy: '',
    runtime: '',
    isolation: '',
    mem_reservation: '',
    memswap_limit: '',
    cpu_shares: 'write "cpus"',
    cpu_quota: 'write "cpus"',
    cpu_period: 'write "cpus"',
    cpuset: '',
    oom_kill_disable: '',
    oom_score_adj: '',
    post_start: '',
    pre_stop: '',
    provider: '',
    models: '',
    use_api_socket: '',
    label_file: '',
    cgroup: '',
    cgroup_parent: '',
    blkio_config: '',
    attach: '',
    storage_opt: '',
    userns_mode: '',
    uts: '',
    mac_address: '',
    external_links: '',
    volumes_from: '',
    credential_spec: '',
  },
  'services.*.build': Object.fromEntries(
    [
      'dockerfile_inline',
      'cache_from',
      'cache_to',
      'secrets',
      'ssh',
      'platforms',
      'tags',
      'network',
      'labels',
      'pull',
      'no_cache',
      'shm_size',
      'extra_hosts',
      'additional_contexts',
      'privileged',
      'entitlements',
      'isolation',
      'ulimits',
      'provenance',
      'sbom',
    ].map((key) => [key, '']),
  ),
  'services.*.healthcheck': { start_interval: 'an instance that starts is asked several times a second' },
  'services.*.develop.watch.*': { initial_sync: '', exec: '' },
  'services.*.depends_on.*': { restart: '' },
  'services.*.env_file.*': { format: '' },
  'services.*.resources': { limits: 'write memory and cpus directly', reservations: '' },
  'include.*': { env_file: '', project_directory: 'paths in an included file are seen from its own folder' },
}

/** What to say of a key that Compose knows and this version does not; null when Compose does not know it either. */
export function unsupportedKey(
  path: readonly (string | number)[],
  key: string,
): { message: string; hint?: string } | null {
  const place = path.map((part, index) => (isNamed(path, index) ? '*' : String(part))).join('.')
  const hint = unsupported[place]?.[key]
  if (hint === undefined) return null
  return { message: `"${key}" is not supported yet`, ...(hint === '' ? {} : { hint }) }
}

/** The second part is a name under `services` and `include`, the fourth one under `depends_on` and `env_file`, the fifth one a rule's number. */
function isNamed(path: readonly (string | number)[], index: number): boolean {
  if (index === 1) return path[0] === 'services' || path[0] === 'include'
  if (index === 3) return path[2] === 'depends_on' || path[2] === 'env_file'
  return index === 4 && path[2] === 'develop' && path[3] === 'watch'
}

/** The words of Compose under a service that are not honoured, in alphabetical order. */
export function unsupportedServiceKeys(): readonly string[] {
  return Object.keys(unsupported['services.*'] ?? {}).sort()
}
