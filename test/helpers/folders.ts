import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';

/** A folder of the test's own that goes away with it. */
export async function scratchFolder(t: ExecutionContext, name = 'test'): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), `mos-${name}-`));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** The same in memory, where fsync costs nothing: for tests of many points in the order of writes. */
export async function memoryFolder(t: ExecutionContext, name = 'test'): Promise<string> {
  const path = await mkdtemp(join('/dev/shm', `mos-${name}-`));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}
