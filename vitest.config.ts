import { defineConfig } from 'vitest/config'

// Unit tests run from the TypeScript source beside them; other packages are seen as built (dist), as their users see them.
export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // Two cores are the machine we promise to test on: more workers only make timing worse.
    maxWorkers: 2,
    reporters: ['default'],
  },
})
