// Removes what the build and the checks have written.
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { packageDirectories, root } from './workspace.mjs'

for (const directory of packageDirectories()) rmSync(join(directory, 'dist'), { recursive: true, force: true })
rmSync(join(root, '.cache'), { recursive: true, force: true })
for (const name of readdirSync(root)) if (name.endsWith('.tgz')) rmSync(join(root, name))
