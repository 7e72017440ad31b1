import { check } from '../check.ts'
import { absolute, type Bases } from '../places.ts'
import { type Key, setting } from '../schema.ts'
import type { Z } from '../setting.ts'
import type { Found } from '../source.ts'
import { isInside } from './places.ts'

/** Whether a repository may say this of a setting without being trusted. `own` is what counts without the repository; null for no limit. */
export function isFree(z: Z, key: Key, found: Found, bases: Bases, own: unknown): boolean {
  const { trust } = setting(key)
  if (trust === 'free') return true
  if (trust === 'trusted' || trust === 'never') return false
  const checked = check(z, key, found)
  // A value that does not fit is reported as such, and counts for nothing.
  if ('problem' in checked) return true
  const { value } = checked
  if (value === null) return own === null
  if (trust === 'inside') return isInside(bases.repo, absolute(setting(key), String(value), found.source, bases))
  if (trust === 'no-more') return own === null || Number(value) <= Number(own)
  return trust.free.includes(String(value))
}
