import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  test: {
    projects: [
      {
        // Pure code, from its TypeScript sources: needs no build.
        resolve: {
          alias: {
            '@ovid/runtime': source('./runtime/src/index.ts'),
            '@ovid/shard': source('./plugins/shard/src/index.ts'),
          },
        },
        test: {
          name: 'unit',
          include: ['{runtime,plugins/*}/src/**/*.test.ts', 'examples/**/*.test.ts', 'scripts/**/*.test.ts'],
          pool: 'forks',
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        // Whole systems. Worker threads cannot load TypeScript through vite, so these use the built packages.
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts', 'plugins/*/test/**/*.test.ts'],
          pool: 'forks',
          // One file at a time: each starts threads of its own.
          maxWorkers: 1,
          testTimeout: 120_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
          // Loaded by Node itself: the code a box loads must see the same module instances as the test.
          server: { deps: { external: [/\/dist\/.*\.js$/] } },
        },
      },
    ],
  },
})
