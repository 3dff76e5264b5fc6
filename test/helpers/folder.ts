import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
/** Whoever cleans up: a test, or a test file as a whole. */
export type FolderOwner = { teardown(clean: () => Promise<void>): void };

/** A folder of the test's own that goes with it. */
export async function temporaryFolder(t: FolderOwner): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'mos-test-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}
