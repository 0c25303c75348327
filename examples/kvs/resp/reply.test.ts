import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readReplies } from './replies.fixture.js'
import { Failure, ok, type Reply, ReplyWriter, sizeOf } from './reply.js'

function write(replies: readonly Reply[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  const writer = new ReplyWriter((data) => pieces.push(typeof data === 'string' ? Buffer.from(data) : data))
  for (const reply of replies) writer.add(reply)
  writer.flush()
  return pieces
}

const encoded = (reply: Reply) => Buffer.concat(write([reply])).toString('latin1')

describe('a reply', () => {
  it.each<[string, Reply]>([
    ['+OK\r\n', ok],
    ['-ERR no\r\n', new Failure('ERR no')],
    ['-ERR a  +OK\r\n', new Failure('ERR a\r\n+OK')],
    [':-1\r\n', -1],
    [':9223372036854775807\r\n', 9223372036854775807n],
    ['$-1\r\n', null],
    ['$0\r\n\r\n', ''],
    ['$2\r\n\xc3\xa9\r\n', 'é'],
    ['$1\r\n\xff\r\n', new Uint8Array([0xff])],
    ['*0\r\n', []],
    ['*2\r\n$1\r\na\r\n*2\r\n:1\r\n$-1\r\n', ['a', [1, null]]],
  ])('is written as %j', (bytes, reply) => {
    expect(encoded(reply)).toBe(bytes)
  })

  it('is read by a client as what it was, whatever stands beside it', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 40_000, size: 'max' })
    const { value } = fc.letrec<{ value: Reply }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.constant(null),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        text,
        fc.uint8Array(),
        fc.array(tie('value'), { maxLength: 4 }),
      ),
    }))
    const asRead = (reply: Reply): unknown => {
      if (Array.isArray(reply)) return reply.map(asRead)
      if (typeof reply === 'bigint') return String(reply)
      return reply === null ? null : Buffer.from(reply as string).toString('latin1')
    }
    fc.assert(
      fc.property(fc.array(value), (replies) => {
        expect(readReplies(Buffer.concat(write(replies)))).toEqual(replies.map(asRead))
      }),
    )
  })

  it('that is short shares a write with its neighbours', () => {
    expect(write(['a', 1, ok, null, 'b'])).toHaveLength(1)
  })

  it('of many bytes is written without being copied', () => {
    const bytes = new Uint8Array(100_000).fill(0xff)
    expect(write([1, bytes, 2])).toContain(bytes)
  })

  it('is weighed by what it refers to', () => {
    expect(sizeOf('x'.repeat(1000))).toBe(1000)
    expect(sizeOf(['x'.repeat(1000), new Uint8Array(1000), 1])).toBeGreaterThanOrEqual(2000)
  })
})
