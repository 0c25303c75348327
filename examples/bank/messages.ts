import { z } from 'zod'

/** Names of accounts and transfers. */
export const name = z.string().min(1).max(100)

/** Money, in the smallest unit of its currency: whole, so that no sum is ever rounded. */
export const amount = z.int().positive()
