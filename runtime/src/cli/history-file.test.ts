import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { HistoryFile } from './history-file.js'

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ovid-history-'))
})
afterEach(() => rm(directory, { recursive: true }))

test('what one session typed the next one finds, newest first', async () => {
  const path = join(directory, 'deep', 'history')
  const first = new HistoryFile(path)
  first.add('show latt')
  first.add('call KVS put {\n"key": 1}')
  await first.close()
  expect(await new HistoryFile(path).load()).toEqual(['call KVS put { "key": 1}', 'show latt'])
  expect((await stat(path)).mode & 0o077).toBe(0)
})

test('a file that has grown long is cut to its newest lines', async () => {
  const path = join(directory, 'history')
  await writeFile(path, Array.from({ length: 2500 }, (_, index) => `line ${index}\n`).join(''))
  const history = new HistoryFile(path)
  expect((await history.load())[0]).toBe('line 2499')
  await history.close()
  expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(1001)
})

test('a place where nothing can be written is no reason to stop', async () => {
  const file = join(directory, 'file')
  await writeFile(file, '')
  const history = new HistoryFile(join(file, 'history'))
  expect(await history.load()).toEqual([])
  history.add('show latt')
  await history.close()
})
