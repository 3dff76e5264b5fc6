import { MosError } from '../../errors/index.ts';
import type { RunOptions } from '../processes.ts';

const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Nothing is inherited. */
export const environmentOf = ({ env }: Pick<RunOptions, 'env'>): NodeJS.ProcessEnv => ({
  PATH: searchPath,
  LC_ALL: 'C',
  ...env,
});

export const notStarted = (program: string, cause: unknown): MosError =>
  (cause as NodeJS.ErrnoException).code === 'ENOENT'
    ? new MosError('not-found', `cannot run ${program}: it is not installed`)
    : new MosError('io', `cannot run ${program}`, { cause });
