/** Text as one single-quoted word of bash and zsh. */
export const shellQuote = (text: string) => `'${text.replace(/'/g, `'\\''`)}'`

/** Text as one single-quoted word of fish. */
export const fishQuote = (text: string) => `'${text.replace(/\\/g, '\\\\').replace(/'/g, "\\'")}'`
