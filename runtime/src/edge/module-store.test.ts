import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { importModule } from './module-store.js'

const directory = await mkdtemp(join(tmpdir(), 'ovid-modules-'))
afterAll(() => rm(directory, { recursive: true, force: true }))

test('a module that was imported once is the same when it is asked for again', async () => {
  const file = join(directory, 'good.mjs')
  await writeFile(file, 'export const made = {}')
  const url = pathToFileURL(file).href
  const [first, again] = [await importModule(url), await importModule(url)]
  expect(again.made).toBe(first.made)
})

test('a module that could not be imported can be asked for again', async () => {
  const file = join(directory, 'late.mjs')
  const url = pathToFileURL(file).href
  await expect(importModule(url)).rejects.toMatchObject({ code: 'code-not-found' })
  await writeFile(file, 'export const late = true')
  expect((await importModule(url)).late).toBe(true)
})
