import { describe, expect, it } from 'vitest'
import { splitInline } from './inline.js'

describe('an inline command', () => {
  it.each([
    ['get a', ['get', 'a']],
    ['  get \t a  \r', ['get', 'a']],
    ['', []],
    [' \r', []],
    ['set "a b" \'x y\'', ['set', 'a b', 'x y']],
    ['set a ""', ['set', 'a', '']],
    ['set a k="b c"', ['set', 'a', 'k=b c']],
    ['"\\x41\\xfF\\n\\r\\t\\b\\a\\"\\\\\\q\\xg"', ['A\xff\n\r\t\b\x07"\\qxg']],
    ["'it\\'s\\n'", ["it's\\n"]],
    ['get \xff\xfe', ['get', '\xff\xfe']],
  ])('%j is split in %j', (line, words) => {
    expect(splitInline(line)).toEqual(words)
  })

  it.each(['set "a', "set 'a", 'set "a"b', "set 'a'b", 'set "a\\"', 'set "a\\'])(
    '%j has no balanced quotes',
    (line) => {
      expect(splitInline(line)).toBeUndefined()
    },
  )
})
