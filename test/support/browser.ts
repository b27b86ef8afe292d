import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { chromium, type Browser } from 'playwright-core'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** A browser of this machine; null where there is none. Nothing is ever downloaded. */
export function findBrowser(): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((file) => existsSync(file)) ?? null
}

/** A headless one with a profile and a home of its own, which `close` removes. */
export async function openBrowser(
  executablePath: string,
  options: { /** Path of the certificate of one that it is to trust; needs certutil. */ authority?: string } = {},
): Promise<{ browser: Browser; close: () => Promise<void> }> {
  const home = mkdtempSync(join(tmpdir(), 'pando-browser-'))
  if (options.authority !== undefined) trust(home, options.authority)
  const browser = await chromium.launch({
    executablePath,
    // Root, and a container without user namespaces, have no sandbox; what is opened is our own page.
    chromiumSandbox: false,
    args: [
      '--disable-gpu',
      '--disable-quic',
      '--disable-dev-shm-usage',
      '--disable-component-update',
      '--disable-sync',
    ],
    env: { PATH: process.env['PATH'] ?? '', HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home },
  })
  const close = async (): Promise<void> => {
    await browser.close()
    rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
  return { browser, close }
}

/** As `pando cert trust` tells it. */
function trust(home: string, authority: string): void {
  const store = join(home, '.pki/nssdb')
  mkdirSync(store, { recursive: true })
  execFileSync('certutil', ['-d', `sql:${store}`, '-N', '--empty-password'])
  execFileSync('certutil', ['-d', `sql:${store}`, '-A', '-t', 'C,,', '-n', 'pando', '-i', authority])
}
