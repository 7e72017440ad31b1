import { supervise } from '../../src/system/supervisor.ts'

// The supervisor as a program of its own, for tests of supervision without the whole binary.
process.exit(await supervise())
