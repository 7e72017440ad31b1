import { supervise } from '../../src/machine/attempts/supervisor.ts'

// The supervisor as a program of its own, for tests of supervision without the whole binary.
process.exit(await supervise())
