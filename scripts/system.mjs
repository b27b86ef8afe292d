import { spawnSync } from 'node:child_process'

// What tests and examples use from the system, beyond Node. A test that needs one of these and does not find it skips itself.
const wanted = [
  {
    name: 'python3 with venv',
    probe: ['python3', '-c', 'import ensurepip, venv'],
    affects: "the shop's Python services",
    remedy: 'apt-get install python3-venv',
  },
  {
    name: 'chromium',
    probe: ['sh', '-c', 'command -v chromium || command -v chromium-browser || command -v google-chrome'],
    affects: "the storefront's page in a browser",
    remedy: 'apt-get install chromium',
  },
  { name: 'go', probe: ['go', 'version'], affects: 'building Go services', remedy: 'https://go.dev/dl' },
  { name: 'cargo', probe: ['cargo', '--version'], affects: 'building Rust services', remedy: 'https://rustup.rs' },
  { name: 'mvn', probe: ['mvn', '--version'], affects: 'building Java services', remedy: 'apt-get install maven' },
  {
    name: 'an engine for tests (dockerd, iptables, busybox)',
    probe: ['sh', '-c', 'command -v dockerd && command -v iptables && command -v busybox && [ "$(id -u)" = 0 ]'],
    affects: 'services in containers',
    remedy: 'as root: apt-get install docker.io iptables busybox-static',
  },
]

export function missingTools() {
  return wanted.filter(({ probe: [command, ...args] }) => spawnSync(command, args, { stdio: 'ignore' }).status !== 0)
}
