import Parser from 'redis-parser'

/** Reads replies with the parser that Redis clients use: an independent judge of what is sent. Errors are thrown. */
export function replyReader(returnReply: (reply: unknown) => void): (bytes: Buffer) => void {
  const parser = new Parser({
    returnBuffers: true,
    stringNumbers: true,
    returnReply: (reply) => returnReply(readable(reply)),
    returnError: (error) => returnReply(`-${error.message}`),
    returnFatalError: (error) => {
      throw error
    },
  })
  return (bytes) => parser.execute(bytes)
}

/** All replies in the bytes: text of one character a byte, errors as text after a minus, integers as their digits. */
export function readReplies(bytes: Uint8Array): unknown[] {
  const replies: unknown[] = []
  replyReader((reply) => replies.push(reply))(Buffer.from(bytes))
  return replies
}

function readable(reply: unknown): unknown {
  if (Array.isArray(reply)) return reply.map(readable)
  if (reply instanceof Error) return `-${reply.message}`
  return Buffer.isBuffer(reply) ? reply.toString('latin1') : reply
}
