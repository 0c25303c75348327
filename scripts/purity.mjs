// The purity boundary: protocols and handlers must run anywhere, on any schedule, with the same result.
// So the folders below may not reach time, chance, timers, promises, the process or the outside world,
// neither themselves nor through what they import.
import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { checkPurity } from './purity-rules.mjs'
import { filesBelow, packageDirectories, root } from './workspace.mjs'

/** Folders of the runtime that are pure, and may import each other. */
const pureFolders = ['message', 'agent', 'latt', 'controller', 'box'].map((name) => join(root, 'runtime', 'src', name))

/** External modules known to be pure themselves, or to hold nothing but types. */
const runtimeModules = ['@standard-schema/spec', 'denque', 'tinyqueue']
const pluginModules = ['@ovid/runtime', '@standard-schema/spec', 'zod']

const isSource = (/** @type {string} */ name) => name.endsWith('.ts') && !/\.(test|fixture)\.ts$/.test(name)
const plugins = packageDirectories()
  .slice(1)
  .map((directory) => join(directory, 'src'))

const checks = [
  ...pureFolders.map((folder) => ({ folder, folders: pureFolders, modules: runtimeModules })),
  ...plugins.map((folder) => ({ folder, folders: [folder], modules: pluginModules })),
]

let files = 0
let found = 0
for (const { folder, folders, modules } of checks) {
  for (const path of filesBelow(folder, isSource)) {
    files += 1
    for (const { line, message } of checkPurity(path, readFileSync(path, 'utf8'), { folders, modules })) {
      found += 1
      console.error(`${relative(root, path)}:${line} ${message}`)
    }
  }
}
if (files === 0) console.error('no pure file was found: is the list of folders right?')
console.log(`purity: ${files} files, ${found} findings`)
process.exitCode = found > 0 || files === 0 ? 1 : 0
