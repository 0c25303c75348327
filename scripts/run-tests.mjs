// Runs the tests and ends with one plain line that counts them: `N passed, N failed, N skipped`.
// Arguments go to vitest: `node scripts/run-tests.mjs --project unit latt`.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './workspace.mjs'

const report = join(root, '.cache', 'tests.json')
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]

// A report of an earlier run must never be counted as this one's.
rmSync(report, { force: true })
const { status } = spawnSync(process.execPath, [vitest, 'run', ...reporters, ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
})
const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = existsSync(report)
  ? JSON.parse(readFileSync(report, 'utf8'))
  : { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 }

const noneRan = numPassedTests + numFailedTests === 0
if (noneRan) console.error('no test was run')
console.log(`${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests + numTodoTests} skipped`)
process.exitCode = status === 0 && !noneRan && numFailedTests === 0 ? 0 : 1
