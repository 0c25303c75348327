// Does what continuous integration does: the last commit, cloned afresh, with nothing installed and nothing built.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './workspace.mjs'

/**
 * @param {string} program
 * @param {string[]} args
 * @param {string} cwd
 */
function run(program, args, cwd) {
  return spawnSync(program, args, { cwd, stdio: 'inherit' }).status ?? 1
}

const changes = spawnSync('git', ['status', '--porcelain'], { cwd: root, encoding: 'utf8' }).stdout
if (changes !== '') console.warn(`these changes are not committed, so they are not verified:\n${changes}`)

const directory = mkdtempSync(join(tmpdir(), 'ovid-verify-'))
try {
  const clone = join(directory, 'ovid')
  process.exitCode = run('git', ['clone', '--quiet', root, clone], root) || run(join(clone, '.ci', 'run'), [], clone)
} finally {
  rmSync(directory, { recursive: true, force: true })
}
