import { type PartitionWish, parseLayout } from '../../disk/index.ts';
import { type Host, readText } from '../../host/index.ts';

/** The partitions that a person asks for in a file, or the usual ones. */
export const readLayout = async (
  host: Host,
  file: string | undefined,
  usual: string,
): Promise<readonly PartitionWish[]> =>
  file === undefined ? parseLayout(usual, 'of this program') : parseLayout(await readText(host, file), file);
