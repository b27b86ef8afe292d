/** What builds may see of the environment that the control plane runs in: where tools are, and how packages are fetched here. */
const names = new Set([
  'CURL_CA_BUNDLE',
  'GIT_SSL_CAINFO',
  'GIT_SSH_COMMAND',
  'GOCACHE',
  'GOFLAGS',
  'GOMODCACHE',
  'GONOPROXY',
  'GONOSUMDB',
  'GOPATH',
  'GOPRIVATE',
  'GOPROXY',
  'GOROOT',
  'GOSUMDB',
  'GOTOOLCHAIN',
  'HOME',
  'JAVA_HOME',
  'LANG',
  'LOGNAME',
  'M2_HOME',
  'NODE_EXTRA_CA_CERTS',
  'NVM_DIR',
  'PATH',
  'REQUESTS_CA_BUNDLE',
  'SHELL',
  'SSH_AUTH_SOCK',
  'TMPDIR',
  'TZ',
  'USER',
  'VOLTA_HOME',
])

const prefixes = [
  'ASDF_',
  'CARGO_',
  'LC_',
  'MAVEN_',
  'NPM_CONFIG_',
  'npm_config_',
  'PIP_',
  'PYENV_',
  'RUSTUP_',
  'SSL_CERT_',
  'XDG_',
]

const proxy = /^(?:https?|ftp|all|no)_proxy$/i

/** What npm says about the run that started us, which is not the one that a build starts. */
const foreign = /^npm_config_(?:local_prefix|workspaces?|global|json|noproxy|ignore_scripts|dry_run)$/i

export function buildEnvironment(host: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const [name, value] of Object.entries(host)) {
    if (value === undefined || foreign.test(name)) continue
    if (names.has(name) || proxy.test(name) || prefixes.some((prefix) => name.startsWith(prefix))) {
      environment[name] = value
    }
  }
  environment['PATH'] ??= '/usr/local/bin:/usr/bin:/bin'
  return environment
}
