import { expect, test } from 'vitest'
import { isUnfinished } from './unfinished.js'

test.each([
  ['call KVS put {"key":', true],
  ['call KVS put {"key": "}"', true],
  ['call KVS put {"key": "\\"}"}', false],
  ['call KVS put {\n"key": 1}', false],
  ['js [1, (2', true],
  ['js "(["', false],
  ['show {', false],
  ['call KVS put ]{', false],
])('%j goes on: %s', (line, expected) => {
  expect(isUnfinished(line)).toBe(expected)
})
