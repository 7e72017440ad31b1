/**
 * The purpose for which a program is started: an agent's CLI, a command of a plan, a hook of ours, git (with its hooks, filters and
 * helpers), a question to a program (its version), or a part of this program.
 */
export type Need = 'agent' | 'command' | 'hook' | 'git' | 'probe' | 'own'

/** Names that belong together. Secrets among them are passed on only where the group says so. */
export interface Group {
  fits(name: string): boolean
  secrets?: true
  /** Whether the group counts, by the rest of the environment. */
  when?(ours: NodeJS.ProcessEnv): boolean
}

/** Makes a group from names; a name with `*` at its end stands for all that begin like it. */
function names(text: string, more: Omit<Group, 'fits'> = {}): Group {
  const words = text.trim().split(/\s+/)
  const exact = new Set(words.filter(word => !word.endsWith('*')))
  const starts = words.filter(word => word.endsWith('*')).map(word => word.slice(0, -1))
  return { fits: name => exact.has(name) || starts.some(start => name.startsWith(start)), ...more }
}

/** What every program may ask for: who and where it is, and its language. */
const BASE = names('PATH HOME USER LOGNAME SHELL TMPDIR TMP TEMP LANG LANGUAGE LC_* TZ TZDIR XDG_* NO_COLOR CI __CF_USER_TEXT_ENCODING')

/** The way to the network. A proxy's password is a part of it. */
const NETWORK = names(
  `HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY FTP_PROXY http_proxy https_proxy all_proxy no_proxy ftp_proxy
   SSL_CERT_FILE SSL_CERT_DIR NODE_EXTRA_CA_CERTS CURL_CA_BUNDLE REQUESTS_CA_BUNDLE AWS_CA_BUNDLE GIT_SSL_CAINFO GIT_SSL_CAPATH
   NIX_SSL_CERT_FILE PIP_CERT HTTPLIB2_CA_CERTS CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE GRPC_DEFAULT_SSL_ROOTS_FILE_PATH CARGO_HTTP_CAINFO`,
  { secrets: true },
)

/** Where development tools are, and where they keep their files. */
const TOOLS = names(
  `JAVA_HOME JDK_HOME MAVEN_* M2_HOME GRADLE_* ANT_HOME SDKMAN_* KOTLIN_HOME ANDROID_* GOPATH GOROOT GOBIN GOCACHE GOMODCACHE GOFLAGS GOPROXY
   GOSUMDB GOPRIVATE GONOPROXY GONOSUMDB GOTOOLCHAIN GOOS GOARCH GOTMPDIR GOENV GOEXPERIMENT GOWORK CGO_* CARGO_* RUSTUP_* RUST_* RUSTFLAGS
   NVM_* FNM_* VOLTA_* PNPM_* BUN_INSTALL DENO_* YARN_* COREPACK_* npm_config_cache npm_config_prefix npm_config_registry
   NODE_COMPILE_CACHE PLAYWRIGHT_* PUPPETEER_* CYPRESS_* PYENV_* PYTHONPATH PYTHONHOME PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE PYTHONUTF8
   PYTHONIOENCODING PYTHONHASHSEED VIRTUAL_ENV CONDA_* MAMBA_* PIP_* PIPX_* PIPENV_* POETRY_* UV_* RBENV_* GEM_* BUNDLE_PATH BUNDLE_GEMFILE
   BUNDLE_WITHOUT BUNDLE_APP_CONFIG RUBYLIB ASDF_* MISE_* PROTO_HOME DOTNET_* NUGET_* COMPOSER_HOME PHPENV_* PHP_INI_SCAN_DIR PERL5LIB
   HEX_HOME MIX_* REBAR_* OPAM* GHCUP_* STACK_ROOT CABAL_DIR SWIFTLY_* FLUTTER_* PUB_CACHE VCPKG_* CONAN_* CC CXX CPP LD AR CFLAGS CXXFLAGS
   CPPFLAGS LDFLAGS MAKEFLAGS CMAKE_* PKG_CONFIG_* CCACHE_* SCCACHE_* LD_LIBRARY_PATH LIBRARY_PATH CPATH DYLD_FALLBACK_LIBRARY_PATH
   HOMEBREW_* NIX_* LOCALE_ARCHIVE GUIX_* DOCKER_HOST DOCKER_CONFIG DOCKER_CONTEXT CONTAINER_HOST KUBECONFIG PRE_COMMIT_HOME HUSKY GIT_LFS_*`,
)

/** What a user's own git reads, and what it signs with. The agents of ssh and gpg hold keys and give none away. */
const GIT = names(
  `GIT_CONFIG_GLOBAL GIT_CONFIG_SYSTEM GIT_CONFIG_NOSYSTEM GIT_SSH GIT_SSH_COMMAND GIT_SSH_VARIANT GIT_SSL_NO_VERIFY GIT_SSL_VERSION
   SSH_AUTH_SOCK SSH_AGENT_PID GNUPGHOME GPG_AGENT_INFO EMAIL`,
)

/** The set-up and the login of the agent's CLI. */
const CLAUDE = names(
  `ANTHROPIC_* CLAUDE_* API_TIMEOUT_MS BASH_DEFAULT_TIMEOUT_MS BASH_MAX_* MAX_THINKING_TOKENS MAX_MCP_OUTPUT_TOKENS MCP_* DISABLE_* ENABLE_*
   FORCE_AUTOUPDATE_PLUGINS USE_BUILTIN_RIPGREP SLASH_COMMAND_TOOL_CHAR_BUDGET TASK_MAX_OUTPUT_LENGTH IS_SANDBOX OTEL_* VERTEX_REGION_*
   CLOUD_ML_REGION`,
  { secrets: true },
)

const isOn = (value: string | undefined) => value !== undefined && value !== '' && value !== '0' && value !== 'false'

/** The clouds whose models the CLI was told to use. Without that, their logins are none of its business. */
const CLOUDS = [
  names('AWS_*', { secrets: true, when: ours => isOn(ours.CLAUDE_CODE_USE_BEDROCK) }),
  names('GOOGLE_* GCLOUD_* CLOUDSDK_*', { secrets: true, when: ours => isOn(ours.CLAUDE_CODE_USE_VERTEX) }),
  names('AZURE_*', { secrets: true, when: ours => isOn(ours.CLAUDE_CODE_USE_FOUNDRY) }),
]

/** Settings of this program, which its hooks may read; the keys among them are secrets. */
const OURS = names('HEADLESS_PM_* AGENT_RUNNER_*')

/** What each kind of child gets of our environment. */
export const NAMES: Readonly<Record<Need, readonly Group[]>> = {
  agent: [BASE, NETWORK, TOOLS, GIT, CLAUDE, ...CLOUDS],
  command: [BASE, NETWORK, TOOLS, names('GIT_CONFIG_GLOBAL GIT_CONFIG_SYSTEM GIT_CONFIG_NOSYSTEM IS_SANDBOX')],
  hook: [BASE, NETWORK, TOOLS, names('GIT_CONFIG_GLOBAL GIT_CONFIG_SYSTEM GIT_CONFIG_NOSYSTEM IS_SANDBOX'), OURS],
  git: [BASE, NETWORK, TOOLS, GIT],
  probe: [BASE, TOOLS],
  own: [BASE, names('NODE_COMPILE_CACHE')],
}

/**
 * Variables by which an outer session of an agent tells its children about itself. A user's own settings (login, provider, limits) are
 * not among them.
 */
export const OUTER_SESSION =
  /^(AI_AGENT|CLAUDECODE|CLAUDE_(EFFORT|PID|ENV_FILE|(PROJECT|PLUGIN|AGENT_SDK|SESSION|REMOTE)_.*)|CLAUDE_CODE_(EXECPATH|SSE_PORT|TASK_LIST_ID|(ENTRYPOINT|SESSION|CHILD|MESSAGING|REMOTE).*))$/

/** Nobody is there to answer: no program may ask on a terminal, open an editor or a pager, or wait for a password. */
export const QUIET: Readonly<Record<string, string>> = {
  TERM: 'dumb',
  GIT_TERMINAL_PROMPT: '0',
  GIT_ASKPASS: '',
  SSH_ASKPASS_REQUIRE: 'never',
  GCM_INTERACTIVE: 'never',
  GIT_EDITOR: 'true',
  GIT_SEQUENCE_EDITOR: 'true',
  GIT_PAGER: 'cat',
  PAGER: 'cat',
}
