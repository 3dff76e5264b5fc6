import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { cannotExecute, containerProcess, execInContainer } from '../../lxc/index.ts';
import { parseServiceName } from '../../manifest/index.ts';
import { openMachine } from '../machine.ts';
import { asService, findProgram } from './groups.ts';
import { notStarted } from './output.ts';
import { findService, type ServiceRecord } from './record.ts';

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
  const first = await containerProcess(host, folder);
  if (first === undefined)
    throw new MosError('state', `cannot run ${options.argv[0] ?? 'nothing'} in ${name}: it does not run`, {
      hint: `see why: mosctl logs ${name}`,
    });
  const { argv, asRoot } = options;
  await requireProgram(host, record, `/proc/${first}/root`, argv[0] ?? '');
  const request = asRoot ? { argv, uid: 0, gid: 0 } : await asService(host, folder, record.process, argv);
  return { name, exitCode: await execInContainer(host, folder, request) };
}

/** Looked for as the service sees its files. LXC says what it can't find with a line of its source; our starter can't say anything. */
async function requireProgram(
  host: Host,
  { name, process }: ServiceRecord,
  root: string,
  program: string,
): Promise<void> {
  // What is there depends on who looks.
  if (program === '' || program.startsWith('/proc/')) return;
  const found = await findProgram(host, root, program, process.environment);
  if (found?.canRun) return;
  const cause = cannotExecute(
    found === undefined ? 'No such file or directory' : 'Permission denied',
    program,
  );
  throw new MosError(cause.code, `cannot run ${program} in ${name}`, { cause });
}
