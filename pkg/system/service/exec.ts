import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { execInContainer, isRunning } from '../../lxc/index.ts';
import { parseServiceName } from '../../manifest/index.ts';
import { openMachine } from '../machine.ts';
import { asService } from './groups.ts';
import { notStarted } from './output.ts';
import { findService } from './record.ts';

export type ExecOptions = {
  readonly root: string;
  readonly target: string;
  readonly argv: readonly string[];
  /** As the container's root, not as the service. */
  readonly asRoot?: boolean | undefined;
};
export type ExecResult = { readonly name: string; readonly exitCode: number };

/** Runs a program in a running service: with its environment, its ids and what it may do, on our own terminal. */
export async function exec(host: Host, options: ExecOptions): Promise<ExecResult> {
  const name = parseServiceName(options.target);
  const { paths } = await openMachine(host, options.root);
  const found = await findService(host, paths, name);
  if (found === undefined) throw notStarted(name);
  const { folder, record } = found;
  if (!(await isRunning(host, folder)))
    throw new MosError('state', `cannot run ${options.argv[0] ?? 'nothing'} in ${name}: it does not run`, {
      hint: `see why: mosctl logs ${name}`,
    });
  const { argv, asRoot } = options;
  const { environment } = record.process;
  const request = asRoot
    ? { argv, environment, uid: 0, gid: 0 }
    : await asService(host, folder, record.process, argv);
  return { name, exitCode: await execInContainer(host, folder, request) };
}
