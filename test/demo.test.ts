import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

it('the demo makes its tour, and loses, doubles and reorders nothing', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', 'examples/kvs/demo.ts'], {
    cwd: root,
  })
  expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^demo: operations \d+, lost 0, doubled 0, reordered 0$/)
  for (const change of ['shards=2', 'shards=5', 'shards=3', 'move KVS/Shard2', 'upgrade KVS', 'untransform KVS'])
    expect(stdout).toContain(change)
  expect(stdout).toContain('all 274937 words read back: 0 missing or wrong')
})
