import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { root, runOvid } from './ovid-process.fixture.js'

// Outside the repository, so that only what is meant for users is found; its packages are those built here.
const directory = mkdtempSync(join(tmpdir(), 'ovid-new-'))
symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'))
afterAll(() => rmSync(directory, { recursive: true }))

const manifestOf = (path: string) => JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'))

test.each([
  ['agent', 'WordCount', 'word-count', ['up', 'system.ts', '--script', 'try.ovid']],
  ['plugin', 'my-gate', 'my-gate', ['up', 'try/system.ts', '--script', 'try/try.ovid']],
])('ovid new %s %s makes what compiles and runs', async (thing, name, folder, attempt) => {
  expect(await runOvid(['new', thing, name], [], { cwd: directory })).toMatchObject({
    code: 0,
    output: expect.stringContaining(`made ${folder}/`),
  })
  const cwd = join(directory, folder)
  const compiler = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc')], {
    cwd,
    encoding: 'utf8',
  })
  expect(compiler).toMatchObject({ status: 0, stdout: '' })
  expect(await runOvid(attempt, [], { cwd })).toMatchObject({ code: 0, errors: '' })
  expect(manifestOf(cwd).name).toBe(folder)

  const again = await runOvid(['new', thing, name], [], { cwd: directory })
  expect(again).toMatchObject({ code: 1, errors: expect.stringContaining('exists and is not empty') })
})

test.each(['../up', 'class', '7up', '', 'a'.repeat(100)])('a name that would not do is refused: %j', async (name) => {
  const { code, errors } = await runOvid(['new', 'agent', name], [], { cwd: directory })
  expect(code).toBe(1)
  expect(errors).toMatch(/^error command-invalid: .*\n$/)
})

test('what is made depends on the versions that are here', () => {
  const { dependencies } = manifestOf(join(directory, 'word-count'))
  for (const [name, path] of Object.entries({ '@ovid/runtime': 'runtime', '@ovid/shard': 'plugins/shard' })) {
    expect(dependencies[name]).toBe(`^${manifestOf(join(root, path)).version}`)
  }
})
