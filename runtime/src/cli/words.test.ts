import { describe, expect, test } from 'vitest'
import { didYouMean, LineReader, listed, nearest, shortened } from './words.js'

describe('a line is read from left to right', () => {
  test('words first, then the rest as it stands', () => {
    const line = new LineReader('  call KVS  put {"a": "b  c"} ')
    expect([line.word(), line.word(), line.word()]).toEqual(['call', 'KVS', 'put'])
    expect(line.rest()).toBe('{"a": "b  c"}')
    expect(line.word()).toBeUndefined()
  })

  test('quotation marks keep blanks together, also inside a word', () => {
    const line = new LineReader(`upgrade "my file.ts" name='a b' ""`)
    expect([line.word(), line.word(), line.word(), line.word()]).toEqual(['upgrade', 'my file.ts', 'name=a b', ''])
  })

  test('a quotation mark that is not closed is refused', () => {
    expect(() => new LineReader('"abc').word()).toThrow(/not closed/)
    expect(() => new LineReader(`a"`).word()).toThrow(/not closed/)
  })

  test('flags and options come off the end, and only there', () => {
    const line = new LineReader('{"text": "a --json b=1"} seconds=2 --json')
    expect(line.takeFlag('json')).toBe(true)
    expect(line.takeFlag('json')).toBe(false)
    expect(line.takeOption(['seconds'])).toEqual(['seconds', '2'])
    expect(line.takeOption(['b'])).toBeUndefined()
    expect(line.rest()).toBe('{"text": "a --json b=1"}')
  })
})

describe('what was probably meant', () => {
  test.each([
    ['shw', 'show'],
    ['hsow', 'show'],
    ['SHOW', 'show'],
    ['tranform', 'transform'],
  ])('%s is near %s', (found, meant) => {
    expect(nearest(found, ['help', 'show', 'transform', 'untransform'])).toBe(meant)
  })

  test('nothing is near what is far from all', () => {
    expect(nearest('{}', ['show', 'js'])).toBeUndefined()
    expect(nearest('x'.repeat(5000), ['show'])).toBeUndefined()
    expect(didYouMean('xyz', ['show'])).toBe('')
  })
})

test('a message never shows a long or an unprintable text whole', () => {
  expect(shortened('x'.repeat(5000)).length).toBeLessThan(100)
  expect(shortened('a\u001b[2Jb\n')).toBe('a [2Jb ')
})

test('a long list says how much it leaves out', () => {
  expect(listed(['a', 'b', 'c'], 2)).toBe('a, b and 1 more')
  expect(listed([])).toBe('none')
})
