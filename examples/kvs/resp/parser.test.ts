import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RequestParser } from './parser.js'

/** All requests in the pieces, as text of one character a byte. */
function parse(pieces: readonly (Buffer | string)[], longestArgumentBytes = 1024 * 1024): string[][] {
  const parser = new RequestParser(longestArgumentBytes)
  const found: string[][] = []
  for (const piece of pieces) {
    parser.push(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece)
    for (let request = parser.next(); request !== undefined; request = parser.next()) {
      found.push(request.map((argument) => argument.toString('latin1')))
    }
  }
  return found
}

function encode(request: readonly Uint8Array[]): Buffer {
  return Buffer.concat([
    Buffer.from(`*${request.length}\r\n`),
    ...request.flatMap((argument) => [Buffer.from(`$${argument.length}\r\n`), argument, Buffer.from('\r\n')]),
  ])
}

const pipeline =
  '*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING "x y"\r\n*3\r\n$3\r\nSET\r\n$2\r\n\r\n\r\n$0\r\n\r\n*1\r\n$4\r\nQUIT\r\n'
const pipelined = [['GET', 'a'], ['PING', 'x y'], ['SET', '\r\n', ''], ['QUIT']]

describe('the parser', () => {
  it('reads arrays of bulk strings and inline commands, pipelined', () => {
    expect(parse([pipeline])).toEqual(pipelined)
  })

  it('reads the same byte by byte', () => {
    expect(parse([...pipeline])).toEqual(pipelined)
  })

  it('reads the same cut in two anywhere', () => {
    for (let cut = 0; cut <= pipeline.length; cut++) {
      expect(parse([pipeline.slice(0, cut), pipeline.slice(cut)])).toEqual(pipelined)
    }
  })

  it('reads any requests in any pieces', () => {
    const argument = fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      fc.constantFrom(Buffer.from('\r\n'), Buffer.from('*1\r\n$')),
    )
    const request = fc.array(argument, { minLength: 1, maxLength: 5 })
    const cuts = fc.array(fc.nat({ max: 40 }), { minLength: 1 })
    fc.assert(
      fc.property(fc.array(request, { maxLength: 8 }), cuts, (requests, lengths) => {
        const bytes = Buffer.concat(requests.map(encode))
        const pieces: Buffer[] = []
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const length = Math.max(lengths[turn % lengths.length] as number, 1)
          pieces.push(bytes.subarray(at, at + length))
          at += length
        }
        expect(parse(pieces)).toEqual(requests.map((one) => one.map((bytes) => Buffer.from(bytes).toString('latin1'))))
      }),
    )
  })

  it('never fails in another way than by a protocol error, whatever arrives', () => {
    const alphabet = fc.constantFrom('*', '$', '1', '2', '-', '\r\n', '\n', 'a', '"', ' ', '\xff')
    fc.assert(
      fc.property(fc.array(alphabet, { maxLength: 60 }), (pieces) => {
        try {
          parse(pieces)
        } catch (error) {
          expect(error).toMatchObject({ name: 'ProtocolError' })
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('reads a large argument that arrives in pieces', () => {
    const large = Buffer.alloc(1_000_000, 'x')
    const bytes = Buffer.concat([encode([Buffer.from('GET'), large]), encode([Buffer.from('PING')])])
    const pieces = Array.from({ length: 1 + bytes.length / 7919 }, (_, n) => bytes.subarray(n * 7919, (n + 1) * 7919))
    expect(parse(pieces)).toEqual([['GET', large.toString()], ['PING']])
  })

  it('passes over what asks for nothing', () => {
    expect(parse(['\r\n*0\r\n*-1\r\n\n  \r\nPING\n'])).toEqual([['PING']])
  })

  it('takes memory for what has arrived, not for what was claimed', () => {
    const parser = new RequestParser(64 * 1024 * 1024)
    const before = process.memoryUsage().arrayBuffers
    parser.push(Buffer.from('*1048576\r\n$67108864\r\nx'))
    expect(parser.next()).toBeUndefined()
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024)
  })

  it.each([
    ['*x\r\n', 'invalid multibulk length'],
    ['*\r\n', 'invalid multibulk length'],
    ['*1 \r\n', 'invalid multibulk length'],
    ['*1\n', 'invalid multibulk length'],
    ['*1048577\r\n', 'invalid multibulk length'],
    ['*2000000000\r\n', 'invalid multibulk length'],
    ['*1\r\n+PING\r\n', "expected '$', got '+'"],
    ['*2\r\n$4\r\nPING\r\n:1\r\n', "expected '$', got ':'"],
    ['*1\r\n$x\r\n', 'invalid bulk length'],
    ['*1\r\n$-1\r\n', 'invalid bulk length'],
    ['*1\r\n$1048577\r\n', 'invalid bulk length'],
    ['*1\r\n$4\r\nPINGPONG', 'expected CRLF after a bulk string'],
    ['set "a\r\n', 'unbalanced quotes in request'],
    ['x'.repeat(64 * 1024 + 1), 'too big inline request'],
    [`${'x'.repeat(64 * 1024 + 1)}\r\n`, 'too big inline request'],
    [`*${'1'.repeat(64 * 1024 + 1)}`, 'too big mbulk count string'],
    [`*1\r\n$${'1'.repeat(64 * 1024 + 1)}`, 'too big bulk count string'],
  ])('refuses %j: %s', (bytes, message) => {
    expect(() => parse([bytes])).toThrow(message)
    expect(() => parse([...bytes])).toThrow(message)
  })

  it('bounds the arguments of a request together', () => {
    const parser = new RequestParser(64 * 1024 * 1024)
    parser.push(Buffer.from('*3\r\n'))
    const push = (bytes: number) => {
      parser.push(Buffer.from(`$${bytes}\r\n`))
      parser.push(Buffer.alloc(bytes))
      parser.push(Buffer.from('\r\n'))
      return parser.next()
    }
    expect(push(64 * 1024 * 1024)).toBeUndefined()
    expect(() => push(64 * 1024 * 1024)).toThrow('too big request')
  })

  it('lets a line be as long as the bound', () => {
    const longest = 'x'.repeat(64 * 1024 - 1)
    expect(parse([`${longest}\r\n`])).toEqual([[longest]])
  })
})
