/** Work that is always the same, of the kind that JSON from outside makes: some 20 ms of a processor on a quiet machine of 2026. */
export function workAsUsual(): void {
  const text = JSON.stringify(Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`key ${n}`, n])))
  for (let n = 0; n < 12; n++) JSON.stringify(JSON.parse(text))
}
