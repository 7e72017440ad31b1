/*
 * Names of fields are camelCase inside and snake_case on every wire. The same words stand in both, so one pair of functions translates all
 * records, and a new field needs no line of its own.
 */

type SnakeWord<S extends string> = S extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? First : `_${Lowercase<First>}`}${SnakeWord<Rest>}`
  : S
type CamelWord<S extends string> = S extends `${infer First}_${infer Rest}` ? `${First}${Capitalize<CamelWord<Rest>>}` : S

export type SnakeKeys<T> = T extends readonly (infer Item)[]
  ? SnakeKeys<Item>[]
  : T extends object
    ? { [Key in keyof T as Key extends string ? SnakeWord<Key> : Key]: SnakeKeys<T[Key]> }
    : T
export type CamelKeys<T> = T extends readonly (infer Item)[]
  ? CamelKeys<Item>[]
  : T extends object
    ? { [Key in keyof T as Key extends string ? CamelWord<Key> : Key]: CamelKeys<T[Key]> }
    : T

const snakeWord = (word: string) => word.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
const camelWord = (word: string) => word.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

/** A record with snake_case names, at every depth. Only for records whose every key is a name of ours. */
export const snakeKeys = <T>(record: T) => renamed(record, snakeWord) as SnakeKeys<T>

/** A record whose own names are snake_case; what is in it stays as it is. */
export const snakeNames = <T extends object>(record: T) =>
  Object.fromEntries(Object.entries(record).map(([key, inner]) => [snakeWord(key), inner])) as {
    [Key in keyof T as Key extends string ? SnakeWord<Key> : Key]: T[Key]
  }

/** A record with camelCase names, at every depth. */
export const camelKeys = <T>(record: T) => renamed(record, camelWord) as CamelKeys<T>

function renamed(value: unknown, name: (word: string) => string): unknown {
  if (Array.isArray(value)) return value.map(item => renamed(item, name))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [name(key), renamed(inner, name)]))
}
