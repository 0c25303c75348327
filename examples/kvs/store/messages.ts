import { z } from 'zod'

/**
 * The messages of the store, each about one key and each a single transition. The schemas refuse what does not fit
 * before a handler sees it, and give the handlers their types.
 */

/** The longest time to live, ms: 285 616 years, so that now + time to live stays an exact integer. */
export const longestLifeMs = Number.MAX_SAFE_INTEGER - 2 ** 42

const key = z.string()
// A string with half a surrogate pair spells no bytes: it would come back changed.
const text = z.string().refine((string) => string.isWellFormed(), 'expected well-formed text')
const bytes = z.custom<Uint8Array>((found) => found instanceof Uint8Array, 'expected a Uint8Array')
const value = z.union([text, bytes])

const keyed = z.strictObject({ key })
const put = z.strictObject({ key, value })
const set = z.strictObject({
  key,
  value,
  /** Does nothing unless the key is absent or present before. */
  when: z.enum(['absent', 'present']).optional(),
  /** Time to live, ms. */
  expireInMs: z.int().positive().max(longestLifeMs).optional(),
  /** Leaves the time to live as it is. */
  keepExpiry: z.boolean().optional(),
  /** Asks for the value before. */
  returnPrevious: z.boolean().optional(),
})
const increment = z.strictObject({ key, by: z.union([z.int(), z.bigint()]).optional() })
const expire = z.strictObject({ key, inMs: z.int().max(longestLifeMs) })

export type KeyMessage = z.infer<typeof keyed>
export type PutMessage = z.infer<typeof put>
export type SetMessage = z.infer<typeof set>
export type IncrementMessage = z.infer<typeof increment>
export type ExpireMessage = z.infer<typeof expire>

export const messages = {
  get: keyed,
  exists: keyed,
  length: keyed,
  timeToLive: keyed,
  put,
  set,
  delete: keyed,
  take: keyed,
  increment,
  append: put,
  expire,
  persist: keyed,
}
