// What each package would publish: it must hold the compiled code and nothing else, and pass publint.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { manifest, packageDirectories, root } from './workspace.mjs'

const allowed = /^(package\.json|README\.md|CHANGELOG\.md|LICENSE|bin\/\w+\.js|dist\/.+\.(js|js\.map|d\.ts))$/
const needed = ['README.md', 'LICENSE', 'dist/index.js', 'dist/index.d.ts']

/**
 * @param {string} directory
 * @returns {string[]} the paths of the files `npm pack` would take
 */
function packedFiles(directory) {
  const { stdout, stderr, status } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: directory,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  if (status !== 0) throw new Error(`npm pack failed in ${directory}: ${stderr}`)
  /** @type {{ path: string }[]} */
  const files = JSON.parse(stdout)[0].files
  return files.map(({ path }) => path.replaceAll('\\', '/'))
}

/**
 * @param {string} directory
 * @returns {Promise<string[]>} what is wrong with the package
 */
async function faultsOf(directory) {
  if (!existsSync(join(directory, 'dist'))) return ['dist is missing: run `npm run build` first']
  const files = packedFiles(directory)
  const { messages } = await publint({ pkgDir: directory, strict: true })
  const pkg = /** @type {any} */ (manifest(directory))
  return [
    ...needed.filter((name) => !files.includes(name)).map((name) => `${name} would not be published`),
    ...files
      .filter((name) => !allowed.test(name) || /\.(test|fixture)\./.test(name))
      .map((name) => `${name} would be published`),
    ...messages.map((message) => formatMessage(message, pkg) ?? message.code),
  ]
}

for (const directory of packageDirectories()) {
  const faults = await faultsOf(directory)
  for (const fault of faults) console.error(`${relative(root, directory)}: ${fault}`)
  if (faults.length > 0) process.exitCode = 1
}
