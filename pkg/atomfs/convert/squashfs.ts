import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';

export type BuildOptions = { readonly timeout: number; readonly signal?: AbortSignal | undefined };

export const squashfsCompression = 'zstd';

/** Of sqfstar's queues; it would take a quarter of the machine's. */
const memory = '512M';

/**
 * A squashfs from a tar as `renderTar` makes it. The result depends neither on the number of processors nor on memory
 * or the time of day, but for the root folder: see `correctRoot`.
 */
export async function buildSquashfs(
  host: Host,
  output: string,
  tar: AsyncIterable<Uint8Array>,
  { timeout, signal }: BuildOptions,
): Promise<void> {
  const { stderr } = await host.processes.run(
    [
      'sqfstar',
      ...['-comp', squashfsCompression],
      ...['-mkfs-time', '0'],
      ...['-mem', memory],
      ...['-quiet', '-no-progress', '-exit-on-error'],
      output,
    ],
    { input: tar, timeout, ...(signal === undefined ? {} : { signal }) },
  );
  // It only warns of some things it leaves out.
  if (stderr !== '') throw new MosError('io', `cannot make a squashfs: sqfstar said: ${stderr}`);
}
