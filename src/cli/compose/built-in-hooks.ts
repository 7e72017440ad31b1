import type { HookName } from '../../core/ports/hooks.ts'
import type { BuiltInHook } from '../../machine/hooks/built-in-hook.ts'

const SHIPPED: Record<HookName, () => Promise<{ main: BuiltInHook }>> = {
  pre_task: () => import('../../../hooks/pre_task.ts'),
  post_task: () => import('../../../hooks/post_task.ts'),
  health_check: () => import('../../../hooks/health_check.ts'),
}

/** The hooks that we ship, loaded at their first call. */
export const builtInHook = async (name: HookName): Promise<BuiltInHook> => (await SHIPPED[name]()).main
