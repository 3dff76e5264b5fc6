import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { parseServiceName } from '../../manifest/index.ts';
import { openMachine } from '../machine.ts';
import { findService } from './record.ts';

export type LogsOptions = {
  readonly root: string;
  readonly target: string;
  readonly lines?: number | undefined;
};
export type LogsResult = { readonly name: string; readonly lines: readonly string[] };

/** What a service said since it was started; the oldest of more than 2 MiB is gone. */
export async function logs(host: Host, options: LogsOptions): Promise<LogsResult> {
  const name = parseServiceName(options.target);
  const { paths } = await openMachine(host, options.root);
  const found = await findService(host, paths, name);
  if (found === undefined) throw notStarted(name);
  const lines = Buffer.from(await host.files.read(found.folder.output))
    .toString('utf8')
    .split('\n');
  if (lines.at(-1) === '') lines.pop();
  return { name, lines: options.lines === undefined ? lines : lines.slice(-options.lines || lines.length) };
}

export const notStarted = (name: string): MosError =>
  new MosError('state', `cannot find ${name} among the services: it was not started`, {
    hint: `start it: mosctl activate -t ${name}`,
  });
