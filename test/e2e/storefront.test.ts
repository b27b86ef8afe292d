import { spawnSync } from 'node:child_process'
import { describe, vi } from 'vitest'
import { findBrowser } from '../support/browser.js'
import { copyShop, shopServices, storefrontChecks } from '../support/storefront.suite.js'
import { TemporaryApp } from '../support/temporary-app.js'

vi.setConfig({ testTimeout: 90_000 })

const browserFile = findBrowser()
const hasPython = spawnSync('python3', ['-c', 'import venv']).status === 0
if (browserFile === null) console.warn('left out: the storefront in a browser, for there is no chromium in PATH')
if (!hasPython) console.warn('left out: the storefront in a browser, for there is no python3 with venv')

describe.skipIf(browserFile === null || !hasPython)('the storefront in a browser', () => {
  storefrontChecks(
    async () => {
      const app = await TemporaryApp.create(shopServices)
      copyShop(app)
      await app.up()
      return app
    },
    (app) => app.dispose(),
  )
})
