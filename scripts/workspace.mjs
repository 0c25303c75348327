// Where the parts of the workspace are.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The workspace's root directory. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/**
 * The directories of the packages that are published: the runtime and every plug-in.
 *
 * @returns {string[]}
 */
export function packageDirectories() {
  const plugins = join(root, 'plugins')
  const names = readdirSync(plugins).filter((name) => existsSync(join(plugins, name, 'package.json')))
  return [join(root, 'runtime'), ...names.sort().map((name) => join(plugins, name))]
}

/**
 * Every file below a directory whose name passes.
 *
 * @param {string} directory
 * @param {(name: string) => boolean} wanted
 * @returns {string[]} absolute paths, sorted; none if there is no such directory
 */
export function filesBelow(directory, wanted) {
  if (!existsSync(directory)) return []
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && wanted(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

/**
 * @param {string} directory
 * @returns {{ name: string, version: string, dependencies?: Record<string, string>, peerDependencies?: Record<string, string> }}
 */
export function manifest(directory) {
  return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
}
