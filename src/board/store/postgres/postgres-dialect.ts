import { type LimitNode, PostgresDialect, PostgresQueryCompiler } from 'kysely'
import { literalLimit } from '../literal-limits.ts'

/** Kysely's dialect, which writes limits into the statement. */
export class LiteralPostgresDialect extends PostgresDialect {
  override createQueryCompiler() {
    return new Compiler()
  }
}

class Compiler extends PostgresQueryCompiler {
  protected override visitLimit(node: LimitNode): void {
    const text = literalLimit(node)
    if (text === null) super.visitLimit(node)
    else this.append(text)
  }
}
