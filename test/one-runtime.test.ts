import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const program = fileURLToPath(new URL('./one-runtime.program.ts', import.meta.url))

test('under tsx a thread and its agents share one copy of the runtime, so that it knows their errors', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', program])
  expect(stdout).toBe('no-key')
})
