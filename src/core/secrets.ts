/** Names of environment entries whose values are surely secrets: these are looked for in texts. */
export const SECRET_NAMES = /(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|AUTH|COOKIE|_PASS|_PAT)$/i

/** An argument that gives a secret, or says that the next one does. */
export const SECRET_FLAG = /^--(?:[a-z-]+-)?(?:key|token|secret|password)(?:=(.+))?$/s

/** Names that may mean secrets: programs that do not need them do not get them. */
const SUSPECT_NAMES = /SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|COOKIE|(?:KEYS?|AUTH|_PASS|_PAT|_DSN)$/i

/** A URL that carries a password, wherever in a text. */
const URL_WITH_PASSWORD = /[a-z0-9+.-]:\/\/[^\s/:@"']*:[^\s/@"']+@/i

/** Whether a value has a password in it, as database URLs do. */
export const holdsPassword = (value: string) => URL_WITH_PASSWORD.test(value)

/** Whether an entry of the environment may be a secret, by its name or by its value. */
export const isSecret = (name: string, value: string) =>
  (SUSPECT_NAMES.test(name) && value !== '' && !isAmount(name, value)) || holdsPassword(value)

/** As in MAX_THINKING_TOKENS. */
const isAmount = (name: string, value: string) => /TOKENS$/i.test(name) && /^\d+$/.test(value)
