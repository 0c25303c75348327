// Runs the tests on another version of Node, brought from the npm registry: `npm run test:node -- 24 [command …]`.
// Without a command it builds, checks and tests what is in this directory.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { root } from './workspace.mjs'

const [version, ...command] = process.argv.slice(2)
const platform = process.platform === 'win32' ? 'win' : process.platform
const name = `node-${platform}-${process.arch}`

/**
 * @param {string} program
 * @param {string[]} args
 * @param {import('node:child_process').SpawnSyncOptions} options
 * @returns {number}
 */
function run(program, args, options) {
  const { status } = spawnSync(program, args, { stdio: 'inherit', shell: process.platform === 'win32', ...options })
  return status ?? 1
}

/** @param {string} directory an empty one, for that Node */
function testOn(directory) {
  console.log(`bringing ${name}@${version} from the registry`)
  // A package of its own, so that nothing is added to the workspace around it.
  const status = run('npm', ['install', '--no-save', '--prefix', directory, `${name}@${version}`], { cwd: directory })
  if (status !== 0) {
    console.error(
      `the registry has no ${name}@${version}: see which versions it has with \`npm view ${name} versions\``,
    )
    return status
  }
  const path = join(directory, 'node_modules', name, 'bin') + delimiter + process.env.PATH
  const env = { ...process.env, PATH: path }
  run('node', ['--version'], { cwd: root, env })
  const [program = 'npm', ...args] = command.length > 0 ? command : ['npm', 'test']
  return run(program, args, { cwd: root, env })
}

if (version === undefined || !/^\d+(\.\d+){0,2}$/.test(version)) {
  console.error('usage: npm run test:node -- VERSION [COMMAND …]   for example: npm run test:node -- 24')
  process.exitCode = 2
} else {
  const directory = mkdtempSync(join(tmpdir(), 'ovid-node-'))
  mkdirSync(join(directory, 'node_modules'))
  try {
    process.exitCode = testOn(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
